//! Cordon between real phones and a real PBX. Each test runs on a machine of its own (`cordon_tests::machine`).

mod calls;
mod certificates;
mod crashes;
mod figures;
mod hipaa;
mod ipv6;
mod load;
mod matrix;
mod media_bench;
mod metrics;
mod operations;
mod plain;
mod privacy;
mod refusals;
mod registration;
mod reports;
mod steered;
mod tls;
mod waves;
mod wire;
