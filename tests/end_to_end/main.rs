//! Cordon between real phones and a real PBX. Each test runs on a machine of its own (`cordon_tests::machine`).

mod calls;
mod certificates;
mod crashes;
mod ipv6;
mod load;
mod plain;
mod refusals;
mod tls;
mod wire;
