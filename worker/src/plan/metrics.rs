//! `telemetry/metrics`: a window that cannot be, with which KrakenD ends at its start.
//!
//! Only this is looked at: nothing is measured yet.

use baton_shared::config::duration::GoDuration;
use baton_shared::config::model::ServiceConfig;
use baton_shared::config::node::Value;
use baton_shared::control::message::Notice;

/// Why the start is refused, if it is: `collection_time` must be a text, and a positive duration if it
/// is one at all (KrakenD takes 60s for a text that is none).
pub(super) fn refused(config: &ServiceConfig) -> Option<Notice> {
    let metrics = config.extra_config.namespaces.get("telemetry/metrics")?;
    let Value::Object(members) = &metrics.settings.value else { return None };
    let (_, time) = members.iter().find(|(key, _)| key == "collection_time")?;
    let found = match &time.value {
        Value::String(text) => match GoDuration::parse(text) {
            Ok(time) if time.positive().is_none() => format!("`{text}`"),
            Ok(_) | Err(_) => return None,
        },
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(digits) => digits.clone(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    let text = format!("{found} is no time to collect in: write \"60s\", or leave it out");
    Some(config.source.notice(&metrics.at.key("collection_time"), text))
}

#[cfg(test)]
mod tests {
    use baton_shared::config::{Environment, load};

    use super::*;

    #[test]
    fn only_times_that_cannot_be_are_refused() {
        let cases = [
            (r#"{}"#, None),
            (r#"{"collection_time":"60s"}"#, None),
            (r#"{"collection_time":"soon"}"#, None),
            (r#"{"collection_time":"0s"}"#, Some("`0s` is no time")),
            (r#"{"collection_time":"-1s"}"#, Some("`-1s` is no time")),
            (r#"{"collection_time":60}"#, Some("60 is no time")),
            (r#"[]"#, None),
        ];
        for (settings, wanted) in cases {
            let text =
                format!(r#"{{"version":3,"extra_config":{{"telemetry/metrics":{settings}}}}}"#);
            let config = load("k.json", text.as_bytes(), &Environment::default()).unwrap().config;
            let found = refused(&config);
            assert_eq!(found.is_some(), wanted.is_some(), "{settings}");
            if let (Some(found), Some(wanted)) = (found, wanted) {
                assert!(found.text.starts_with(wanted), "{}", found.text);
                assert_eq!(
                    found.pointer.as_str(),
                    "/extra_config/telemetry~1metrics/collection_time"
                );
            }
        }
    }
}
