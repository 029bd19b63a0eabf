//! The list of datagrams that one system call takes.

use crate::BATCH;

/// A list of nothing, to be filled from the first place on.
pub(crate) const EMPTY_LIST: [libc::mmsghdr; BATCH] = [const { EMPTY_MESSAGE }; BATCH];
/// A piece of nothing.
pub(crate) const EMPTY_SLICE: libc::iovec = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };

const EMPTY_MESSAGE: libc::mmsghdr = libc::mmsghdr {
    msg_hdr: libc::msghdr {
        msg_name: std::ptr::null_mut(),
        msg_namelen: 0,
        msg_iov: std::ptr::null_mut(),
        msg_iovlen: 0,
        msg_control: std::ptr::null_mut(),
        msg_controllen: 0,
        msg_flags: 0,
    },
    msg_len: 0,
};
