//! RFC 3261, each file a section; RFC 6026 stands with the section it corrects.

mod section_16_timer_c;
mod section_17_1_1_invite_client;
mod section_17_1_2_client;
mod section_17_2_1_invite_server;
mod section_17_2_2_server;
mod section_17_2_3_matching;
mod section_18_transport;
mod section_8_behaviour;
mod section_9_canceling;
