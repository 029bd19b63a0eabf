//! RFC 3261, each file a section.

mod section_08_1_client;
mod section_08_2_server;
mod section_09_cancel;
mod section_10_registrations;
mod section_12_dialogs;
mod section_13_invite;
mod section_14_changes;
mod section_15_bye;
mod section_16_proxy;
mod section_18_transport;
