//! The system call bpf(2), as far as steering needs it.
// There is no safe wrapper for it in the libraries we use.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::instruction::Instruction;

/// A table in the kernel.
pub(crate) struct Map {
    descriptor: OwnedFd,
    key_size: usize,
    value_size: usize,
}

/// What kind of table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum MapKind {
    Hash = 1,
    Array = 2,
    Sockets = 15,
}

impl Map {
    /// Makes a table with room for `entries`.
    pub(crate) fn create(
        kind: MapKind,
        name: &CStr,
        key_size: usize,
        value_size: usize,
        entries: u32,
    ) -> io::Result<Map> {
        let mut request = CreateMap {
            kind: kind as u32,
            key_size: key_size as u32,
            value_size: value_size as u32,
            entries,
            flags: 0,
            inner_map: 0,
            numa_node: 0,
            name: named(name),
        };
        // SAFETY: the request is that of the command, and holds no pointer.
        let descriptor = unsafe { call_for_descriptor(MAP_CREATE, &mut request)? };
        Ok(Map { descriptor, key_size, value_size })
    }

    /// Reads what the table has under a key.
    pub(crate) fn get(&self, key: &[u8], value: &mut [u8]) -> io::Result<()> {
        if key.len() != self.key_size || value.len() != self.value_size {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut request = Element::new(self, key.as_ptr(), value.as_mut_ptr());
        // SAFETY: the request is that of the command; its two pointers are to as many bytes as the table was made with,
        // checked above, the value's exclusively borrowed, and outlive the call.
        unsafe { call(MAP_LOOKUP, &mut request).map(drop) }
    }

    /// Sets what the table has under a key.
    pub(crate) fn set(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        if key.len() != self.key_size || value.len() != self.value_size {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut request = Element::new(self, key.as_ptr(), value.as_ptr());
        // SAFETY: the request is that of the command; its two pointers are to as many readable bytes as the table was
        // made with, checked above, and outlive the call.
        unsafe { call(MAP_UPDATE, &mut request).map(drop) }
    }

    /// Takes a key out of the table.
    pub(crate) fn remove(&self, key: &[u8]) -> io::Result<()> {
        if key.len() != self.key_size {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut request = Element::new(self, key.as_ptr(), std::ptr::null());
        // SAFETY: the request is that of the command; its pointer is to as many readable bytes as a key of the table
        // has, checked above, and outlives the call.
        unsafe { call(MAP_DELETE, &mut request).map(drop) }
    }
}

impl AsRawFd for Map {
    fn as_raw_fd(&self) -> i32 {
        self.descriptor.as_raw_fd()
    }
}

/// Has the kernel check a program that chooses sockets. The program is gone when its descriptor and its links are.
pub(crate) fn load(name: &CStr, code: &[Instruction]) -> io::Result<OwnedFd> {
    let mut request = LoadProgram {
        kind: PROGRAM_SK_LOOKUP,
        count: u32::try_from(code.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        code: code.as_ptr() as u64,
        licence: LICENCE.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name: named(name),
        interface: 0,
        attach_kind: ATTACH_SK_LOOKUP,
    };
    // SAFETY: the request is that of the command; `code` points to `count` instructions, laid out as the kernel's
    // `struct bpf_insn`, `licence` to a string that ends in zero, and both outlive the call. The kernel proves what the
    // program does before it runs.
    unsafe { call_for_descriptor(PROGRAM_LOAD, &mut request) }
}

/// Runs a program in the network namespace of this thread for as long as the descriptor that comes back is open.
pub(crate) fn attach(program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let namespace = File::open(NAMESPACE)?;
    let mut request = CreateLink {
        program: program.as_raw_fd() as u32,
        target: namespace.as_raw_fd() as u32,
        attach_kind: ATTACH_SK_LOOKUP,
        flags: 0,
    };
    // SAFETY: the request is that of the command, and holds no pointer; both descriptors are open.
    unsafe { call_for_descriptor(LINK_CREATE, &mut request) }
}

/// How many programs choose sockets in the network namespace of this thread.
pub(crate) fn attached() -> io::Result<u32> {
    let namespace = File::open(NAMESPACE)?;
    let mut request = Query {
        target: namespace.as_fd().as_raw_fd() as u32,
        attach_kind: ATTACH_SK_LOOKUP,
        query_flags: 0,
        attach_flags: 0,
        programs: 0,
        count: 0,
        unused: 0,
    };
    // SAFETY: the request is that of the command; it asks for no list, only for the count that is written into it.
    unsafe { call(PROGRAM_QUERY, &mut request)? };
    Ok(request.count)
}

/// # Safety
///
/// The request must be laid out as the kernel's `union bpf_attr` for this command, without padding the compiler
/// leaves unset, and what its pointers say must hold for the length of the call.
unsafe fn call<R>(command: i32, request: &mut R) -> io::Result<i32> {
    let size = size_of::<R>();
    // SAFETY: the kernel reads and writes at most `size` bytes of a request that is ours alone; the caller vouches for
    // what is in it.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(request), size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

/// # Safety
///
/// As for [`call`]; and the command must be one that answers with a new descriptor.
unsafe fn call_for_descriptor<R>(command: i32, request: &mut R) -> io::Result<OwnedFd> {
    // SAFETY: the caller vouches for the request.
    let descriptor = unsafe { call(command, request)? };
    // SAFETY: the kernel has just opened it for us, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// At most 15 bytes of a name, which tools show.
fn named(name: &CStr) -> [u8; 16] {
    let mut named = [0; 16];
    for (into, byte) in named.iter_mut().take(15).zip(name.to_bytes()) {
        *into = *byte;
    }
    named
}

#[repr(C)]
struct CreateMap {
    kind: u32,
    key_size: u32,
    value_size: u32,
    entries: u32,
    flags: u32,
    inner_map: u32,
    numa_node: u32,
    name: [u8; 16],
}

#[repr(C)]
struct Element {
    map: u32,
    /// In the kernel's layout the pointers begin at eight bytes.
    unused: u32,
    key: u64,
    value: u64,
    flags: u64,
}

impl Element {
    fn new(map: &Map, key: *const u8, value: *const u8) -> Element {
        let map = map.as_raw_fd() as u32;
        Element { map, unused: 0, key: key as u64, value: value as u64, flags: 0 }
    }
}

#[repr(C)]
struct LoadProgram {
    kind: u32,
    count: u32,
    code: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_kind: u32,
}

#[repr(C)]
struct CreateLink {
    program: u32,
    target: u32,
    attach_kind: u32,
    flags: u32,
}

#[repr(C)]
struct Query {
    target: u32,
    attach_kind: u32,
    query_flags: u32,
    attach_flags: u32,
    programs: u64,
    count: u32,
    unused: u32,
}

/// Commands, program types and attach types of linux/bpf.h.
const MAP_CREATE: i32 = 0;
const MAP_LOOKUP: i32 = 1;
const MAP_UPDATE: i32 = 2;
const MAP_DELETE: i32 = 3;
const PROGRAM_LOAD: i32 = 5;
const PROGRAM_QUERY: i32 = 16;
const LINK_CREATE: i32 = 28;
const PROGRAM_SK_LOOKUP: u32 = 30;
const ATTACH_SK_LOOKUP: u32 = 36;
/// The functions the program calls are open to every licence; this is ours.
const LICENCE: &CStr = c"Apache-2.0 OR MIT";
/// A network namespace belongs to a thread.
const NAMESPACE: &str = "/proc/thread-self/ns/net";
