//! `backend/http.return_error_details`: a backend's failure as a field of the answer.

use bytes::Bytes;

use super::escape;
use crate::decode::{Data, Numbers};

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
    let mut data = Data::opaque(format!("error_{name}").as_bytes(), Bytes::from(json));
    if let [document] = data.documents.as_mut_slice() {
        document.numbers = Numbers::Exact;
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
