//! The index of a message: what it costs, and that parser and framer read what it says.

// Counting allocations needs an allocator of our own, and its trait is unsafe.
#![allow(unsafe_code)]

#[cfg(test)]
mod counted {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    use bytes::Bytes;
    use cordon_sip::{Frame, Framer, Index};

    struct Counting;

    thread_local! {
        static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    }

    // SAFETY: every call is handed to the system's allocator unchanged; the counter has no destructor.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            ALLOCATIONS.set(ALLOCATIONS.get() + 1);
            unsafe { System.alloc(layout) }
        }

        unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            ALLOCATIONS.set(ALLOCATIONS.get() + 1);
            unsafe { System.realloc(place, layout, size) }
        }

        unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
            unsafe { System.dealloc(place, layout) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn an_index_that_is_used_again_allocates_nothing() {
        let message = invite();
        let mut index = Index::new();
        index.read(&message).unwrap();
        let before = ALLOCATIONS.get();
        for _ in 0..100 {
            index.read(&message).unwrap();
        }
        assert_eq!(ALLOCATIONS.get() - before, 0);
        assert_eq!(index.fields().len(), 13);
    }

    #[test]
    fn a_frame_costs_its_copy_its_index_and_the_buffer() {
        let message = invite();
        let mut framer = Framer::default();
        let before = ALLOCATIONS.get();
        framer.push(&message);
        let frame = framer.next_frame().unwrap();
        assert_eq!(ALLOCATIONS.get() - before, 3);
        assert!(matches!(frame, Some(Frame::Message(_))));
    }

    fn invite() -> Bytes {
        let other = "Supported: replaces\r\n".repeat(7);
        Bytes::from(format!(
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TLS p;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\n\
             Call-ID: c\r\nCSeq: 1 OPTIONS\r\n{other}Content-Length: 0\r\n\r\n"
        ))
    }
}
