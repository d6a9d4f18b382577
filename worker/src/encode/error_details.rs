//! `backend/http.return_error_details`: a backend's failure as a field of the answer.

use bytes::Bytes;

use super::escape;
use crate::decode::{Data, Numbers, Typed};

/// `{"error_NAME": {"http_status_code": …, "http_body": …, "http_body_encoding": …}}`, in this order;
/// an empty body and an absent `Content-Type` are left out. No shape is applied to it.
#[must_use]
pub fn error_details(name: &str, status: u16, body: &[u8], content_type: Option<&[u8]>) -> Data {
    let mut json = Vec::with_capacity(body.len() + 96);
    json.extend_from_slice(br#"{"http_status_code":"#);
    json.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    if !body.is_empty() {
        json.extend_from_slice(br#","http_body":"#);
        escape::plain(body, &mut json);
    }
    if let Some(content_type @ [_, ..]) = content_type {
        json.extend_from_slice(br#","http_body_encoding":"#);
        escape::plain(content_type, &mut json);
    }
    json.push(b'}');
    let mut data =
        Data::opaque(format!("error_{name}").as_bytes(), Bytes::from(json), Typed::Failure);
    if let [document] = data.documents.as_mut_slice() {
        document.numbers = Numbers::Exact;
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::decode;
    use crate::encode::{OutputEncoding, render};

    #[track_caller]
    fn check(data: &Data, json: &str) {
        assert_eq!(render(OutputEncoding::Json, data, None).body, json);
    }

    #[test]
    fn an_empty_body_and_no_type_are_left_out() {
        check(&error_details("x", 404, b"", None), r#"{"error_x":{"http_status_code":404}}"#);
    }

    #[test]
    fn fields_keep_their_order_and_the_body_is_escaped() {
        check(
            &error_details("be", 400, b"<\xFF>", Some(b"text/plain")),
            r#"{"error_be":{"http_status_code":400,"http_body":"\u003c\ufffd\u003e","http_body_encoding":"text/plain"}}"#,
        );
    }

    #[track_caller]
    fn shows(data: &Data, yaml: &str, xml: &str) {
        assert_eq!(render(OutputEncoding::Yaml, data, None).body, yaml);
        assert_eq!(render(OutputEncoding::Xml, data, None).body, xml);
    }

    #[test]
    fn yaml_and_xml_show_the_struct_that_it_is_in_go() {
        shows(
            &error_details("be", 404, b"<a>\n\"b\"\x01", Some(b"text/plain")),
            "error_be:\n  httpresponseerror:\n    http_status_code: 404\n    http_body: |-\n      <a>\n      \"b\"\u{1}\n    \
             http_body_encoding: text/plain\n",
            "<NamedHTTPResponseError><Code>404</Code><Msg>&lt;a&gt;&#xA;&#34;b&#34;\u{FFFD}</Msg><Enc>text/plain</Enc>\
             </NamedHTTPResponseError></error_be>",
        );
        let mut bare = error_details("x", 500, b"", None);
        let told = "<NamedHTTPResponseError><Code>500</Code><Msg></Msg><Enc></Enc></NamedHTTPResponseError></error_x>";
        shows(&bare, "error_x:\n  httpresponseerror:\n    http_status_code: 500\n", told);
        bare.merge(decode(|_| {}, r#"{"a":1}"#).unwrap());
        let beside = "a: \"1\"\nerror_x:\n  httpresponseerror:\n    http_status_code: 500\n";
        shows(&bare, beside, &format!("<doc><a>1</a>{told}</doc>"));
    }
}
