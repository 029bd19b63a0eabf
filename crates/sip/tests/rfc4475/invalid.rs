//! RFC 4475 section 3.1.2: invalid messages. Where the RFC allows to be lenient we are not: what we would have to
//! guess, the PBX behind us might guess differently.

use crate::invalid_messages::*;
use crate::{read, refused};

#[test]
fn section_3_1_2_1_extraneous_separators_are_400() {
    assert_eq!(refused(BADINV01), (400, "a parameter name is not a token"));
}

#[test]
fn section_3_1_2_2_a_content_length_beyond_the_datagram_is_400() {
    assert_eq!(refused(CLERR), (400, "the body is cut short"));
}

#[test]
fn section_3_1_2_3_a_negative_content_length_is_400() {
    assert_eq!(refused(NCL), (400, "Content-Length is not a number"));
}

#[test]
fn section_3_1_2_4_scalars_beyond_their_range_are_400() {
    assert_eq!(refused(SCALAR02), (400, "the number of CSeq is not below 2^31"));
}

#[test]
fn section_3_1_2_5_a_response_with_scalars_beyond_their_range_is_dropped() {
    assert!(read(SCALARLG).unwrap_err().reply().is_none());
}

#[test]
fn section_3_1_2_6_an_unfinished_quoted_string_is_400() {
    assert_eq!(refused(QUOTBAL), (400, "a quoted string is not closed"));
}

#[test]
fn section_3_1_2_7_brackets_around_the_request_uri_are_400() {
    assert_eq!(refused(LTGTRURI), (400, "a URI holds white space or brackets"));
}

#[test]
fn section_3_1_2_8_white_space_within_the_request_uri_is_400() {
    assert_eq!(refused(LWSRURI).0, 400);
}

#[test]
fn section_3_1_2_9_more_than_one_space_in_the_request_line_is_400() {
    assert_eq!(refused(LWSSTART).0, 400);
}

#[test]
fn section_3_1_2_10_white_space_behind_the_request_line_is_400() {
    assert_eq!(refused(TRWS).0, 400);
}

#[test]
fn section_3_1_2_11_headers_in_the_request_uri_are_400() {
    assert_eq!(refused(ESCRURI), (400, "the Request-URI holds headers"));
}

#[test]
fn section_3_1_2_12_a_date_outside_gmt_is_400() {
    assert_eq!(refused(BADDATE), (400, "Date is not in GMT"));
}

#[test]
fn section_3_1_2_13_a_contact_with_headers_needs_brackets() {
    assert_eq!(refused(REGBADCT), (400, "a URI with headers must stand in brackets"));
}

#[test]
fn section_3_1_2_14_spaces_within_an_address_are_400() {
    assert_eq!(refused(BADASPEC), (400, "a URI holds white space or brackets"));
}

#[test]
fn section_3_1_2_15_a_comma_in_a_bare_display_name_is_400() {
    assert_eq!(refused(BADDN), (400, "a display name with separators is not quoted"));
}

#[test]
fn section_3_1_2_16_another_version_is_505() {
    assert_eq!(refused(BADVERS), (505, "the version is not SIP/2.0"));
}

#[test]
fn section_3_1_2_17_cseq_of_another_known_method_is_400() {
    assert_eq!(refused(MISMATCH01), (400, "the method of CSeq is not that of the request"));
}

#[test]
fn section_3_1_2_18_cseq_of_another_unknown_method_is_400() {
    assert_eq!(refused(MISMATCH02), (400, "the method of CSeq is not that of the request"));
}

#[test]
fn section_3_1_2_19_a_status_code_beyond_any_number_is_dropped() {
    assert!(read(BIGCODE).unwrap_err().reply().is_none());
}

#[test]
fn every_refused_request_is_answered_with_its_own_via_and_call_id() {
    let requests = [
        BADINV01, CLERR, NCL, SCALAR02, QUOTBAL, LTGTRURI, LWSRURI, LWSSTART, TRWS, ESCRURI, BADDATE,
        REGBADCT, BADASPEC, BADDN, BADVERS, MISMATCH01, MISMATCH02,
    ];
    for message in requests {
        let error = read(message).unwrap_err();
        let reply = error.reply().unwrap().write();
        let text = String::from_utf8(reply.to_vec()).unwrap();
        assert!(text.starts_with(&format!("SIP/2.0 {} ", error.status())), "{text}");
        for name in ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: ", "Content-Length: 0"] {
            assert!(text.contains(&format!("\r\n{name}")), "{name} of {text}");
        }
    }
}
