//! Requests, copies, responses, lost connections and time in any order: the transaction layer says what a plain reading of
//! RFC 3261 section 17 says, and nothing is left in the end.
#![no_main]

use cordon_testkit::transaction_walk::walk;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| walk(bytes));
