//! The `router` namespace of the service, typed.
//!
//! Before the way: read once at start. KrakenD: one value of a wrong type anywhere in the block makes
//! most switches fall back to their defaults without a word; a few are read on their own and hold.

use baton_shared::config::node::{Node, Value};

use super::Rules;

/// What `extra_config.router` says.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one key of KrakenD's")]
pub struct RouterFlags {
    /// `auto_options`: OPTIONS is answered for every endpoint.
    pub auto_options: bool,
    /// `disable_access_log`.
    pub disable_access_log: bool,
    /// `disable_handle_method_not_allowed`: 404 instead of 405.
    pub disable_handle_method_not_allowed: bool,
    /// `disable_health`.
    pub disable_health: bool,
    /// `health_path`; by default `/__health`.
    pub health_path: String,
    /// `disable_path_decoding`: values that are still encoded pass.
    pub disable_path_decoding: bool,
    /// `disable_redirect_fixed_path`.
    pub disable_redirect_fixed_path: bool,
    /// `disable_redirect_trailing_slash`.
    pub disable_redirect_trailing_slash: bool,
    /// `error_body.404`: any value but null.
    pub error_body_404: Option<Node>,
    /// `error_body.405`: any value but null.
    pub error_body_405: Option<Node>,
    /// `hide_version_header`: `X-Krakend: Version undefined`.
    pub hide_version_header: bool,
    /// `logger_skip_paths`: exact paths without an access log line.
    pub logger_skip_paths: Vec<String>,
    /// `remove_extra_slash`.
    pub remove_extra_slash: bool,
    /// `return_error_msg`: failures tell their reason.
    pub return_error_msg: bool,
    /// `use_h2c`, beside the root's key of the same name.
    pub use_h2c: bool,
    /// `forwarded_by_client_ip` (default: true, whatever the published schema says).
    pub forwarded_by_client_ip: bool,
    /// `remote_ip_headers` (default: none: `X-Forwarded-For`, `X-Real-IP`).
    pub remote_ip_headers: Vec<String>,
    /// `trusted_proxies` (default: none: everybody).
    pub trusted_proxies: Vec<String>,
    /// `app_engine`: `X-Appengine-Remote-Addr` is the client's address.
    pub app_engine: bool,
    /// Whether a value of a wrong type has reset the switches that fall together.
    pub wrongly_typed: bool,
}

impl Default for RouterFlags {
    fn default() -> Self {
        Self {
            auto_options: false,
            disable_access_log: false,
            disable_handle_method_not_allowed: false,
            disable_health: false,
            health_path: "/__health".to_owned(),
            disable_path_decoding: false,
            disable_redirect_fixed_path: false,
            disable_redirect_trailing_slash: false,
            error_body_404: None,
            error_body_405: None,
            hide_version_header: false,
            logger_skip_paths: Vec::new(),
            remove_extra_slash: false,
            return_error_msg: false,
            use_h2c: false,
            forwarded_by_client_ip: true,
            remote_ip_headers: Vec::new(),
            trusted_proxies: Vec::new(),
            app_engine: false,
            wrongly_typed: false,
        }
    }
}

impl RouterFlags {
    /// Reads the namespace's settings; `None` when the file has none.
    #[must_use]
    pub fn from_settings(settings: Option<&Node>) -> Self {
        let Some(settings) = settings else {
            return Self::default();
        };
        let mut block = Block::new(settings);
        let flags = Self::read(&mut block);
        if block.wrongly_typed { flags.after_wrong_type() } else { flags }
    }

    fn read(block: &mut Block<'_>) -> Self {
        let default = Self::default();
        // Read for its type only: it has no effect on proxying.
        block.integer("max_multipart_memory");
        let health_path = block.text("health_path").filter(|path| !path.is_empty());
        let error_body = block.get("error_body");
        let body =
            |key| error_body.and_then(|body| member(body, key)).filter(|node| !is_null(node));
        Self {
            auto_options: block.flag("auto_options").unwrap_or_default(),
            disable_access_log: block.flag("disable_access_log").unwrap_or_default(),
            disable_handle_method_not_allowed: block
                .flag("disable_handle_method_not_allowed")
                .unwrap_or_default(),
            disable_health: block.flag("disable_health").unwrap_or_default(),
            health_path: health_path.map_or(default.health_path, str::to_owned),
            disable_path_decoding: block.flag("disable_path_decoding").unwrap_or_default(),
            disable_redirect_fixed_path: block
                .flag("disable_redirect_fixed_path")
                .unwrap_or_default(),
            disable_redirect_trailing_slash: block
                .flag("disable_redirect_trailing_slash")
                .unwrap_or_default(),
            error_body_404: body("404").cloned(),
            error_body_405: body("405").cloned(),
            hide_version_header: block.flag("hide_version_header").unwrap_or_default(),
            logger_skip_paths: block.texts("logger_skip_paths"),
            remove_extra_slash: block.flag("remove_extra_slash").unwrap_or_default(),
            return_error_msg: block.flag("return_error_msg").unwrap_or_default(),
            use_h2c: block.flag("use_h2c").unwrap_or_default(),
            forwarded_by_client_ip: block.flag("forwarded_by_client_ip").unwrap_or(true),
            remote_ip_headers: block.texts("remote_ip_headers"),
            trusted_proxies: block.texts("trusted_proxies"),
            app_engine: block.flag("app_engine").unwrap_or_default(),
            wrongly_typed: block.wrongly_typed,
        }
    }

    /// What KrakenD still honours when one value of the block has a wrong type.
    fn after_wrong_type(self) -> Self {
        Self {
            auto_options: self.auto_options,
            disable_access_log: self.disable_access_log,
            disable_path_decoding: self.disable_path_decoding,
            disable_health: self.disable_health,
            health_path: self.health_path,
            error_body_404: self.error_body_404,
            error_body_405: self.error_body_405,
            wrongly_typed: true,
            ..Self::default()
        }
    }

    /// What the router needs of them.
    #[must_use]
    pub const fn rules(&self) -> Rules {
        Rules {
            redirect_slash: !self.disable_redirect_trailing_slash,
            redirect_fixed_path: !self.disable_redirect_fixed_path,
            method_not_allowed: !self.disable_handle_method_not_allowed,
            remove_extra_slash: self.remove_extra_slash,
            check_params: !self.disable_path_decoding,
        }
    }
}

/// The block, and whether anything in it was of a wrong type.
struct Block<'n> {
    settings: &'n Node,
    wrongly_typed: bool,
}

impl<'n> Block<'n> {
    const fn new(settings: &'n Node) -> Self {
        let fits = matches!(settings.value, Value::Object(_) | Value::Null);
        Self { settings, wrongly_typed: !fits }
    }

    fn get(&self, key: &str) -> Option<&'n Node> {
        member(self.settings, key).filter(|node| !is_null(node))
    }

    fn flag(&mut self, key: &str) -> Option<bool> {
        match &self.get(key)?.value {
            Value::Bool(flag) => Some(*flag),
            _ => self.wrong(),
        }
    }

    fn text(&mut self, key: &str) -> Option<&'n str> {
        match &self.get(key)?.value {
            Value::String(text) => Some(text),
            _ => self.wrong(),
        }
    }

    fn integer(&mut self, key: &str) {
        if let Some(node) = self.get(key) {
            let whole = match &node.value {
                Value::Number(text) => text.parse::<f64>().is_ok_and(|number| {
                    number.fract() == 0.0 && (-9.2e18..=9.2e18).contains(&number)
                }),
                _ => false,
            };
            self.wrongly_typed |= !whole;
        }
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        let Some(node) = self.get(key) else {
            return Vec::new();
        };
        let Value::Array(items) = &node.value else {
            self.wrongly_typed = true;
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::String(text) => texts.push(text.clone()),
                Value::Null => texts.push(String::new()),
                _ => self.wrongly_typed = true,
            }
        }
        texts
    }

    const fn wrong<T>(&mut self) -> Option<T> {
        self.wrongly_typed = true;
        None
    }
}

/// A member by its exact name, else by its name in any case.
fn member<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Value::Object(members) = &node.value else {
        return None;
    };
    let exact = members.iter().find(|(name, _)| name == key);
    let any_case = || members.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
    exact.or_else(any_case).map(|(_, node)| node)
}

const fn is_null(node: &Node) -> bool {
    matches!(node.value, Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(members: &[(&str, Value)]) -> Node {
        let node = |value: &Value| Node { line: 1, value: value.clone() };
        let members = members.iter().map(|(key, value)| ((*key).to_owned(), node(value)));
        Node { line: 1, value: Value::Object(members.collect()) }
    }

    fn texts(items: &[&str]) -> Value {
        let node = |text: &&str| Node { line: 1, value: Value::String((*text).to_owned()) };
        Value::Array(items.iter().map(node).collect())
    }

    #[test]
    fn one_wrong_type_resets_some_switches_and_not_others() {
        let body = object(&[("404", Value::Number("1".to_owned()))]).value;
        let flags = RouterFlags::from_settings(Some(&object(&[
            ("return_error_msg", Value::String("true".to_owned())),
            ("hide_version_header", Value::Bool(true)),
            ("disable_redirect_trailing_slash", Value::Bool(true)),
            ("trusted_proxies", texts(&["10.0.0.0/8"])),
            ("health_path", Value::String("/hc".to_owned())),
            ("auto_options", Value::Bool(true)),
            ("disable_path_decoding", Value::Bool(true)),
            ("disable_health", Value::Bool(true)),
            ("disable_access_log", Value::Bool(true)),
            ("error_body", body),
        ])));
        assert!(flags.wrongly_typed);
        assert!(!flags.return_error_msg && !flags.hide_version_header);
        assert!(!flags.disable_redirect_trailing_slash && flags.trusted_proxies.is_empty());
        assert!(flags.auto_options && flags.disable_path_decoding);
        assert!(flags.disable_health && flags.disable_access_log);
        assert_eq!(flags.health_path, "/hc");
        assert!(flags.error_body_404.is_some() && flags.error_body_405.is_none());
    }

    #[test]
    fn null_is_never_a_wrong_type() {
        let flags = RouterFlags::from_settings(Some(&object(&[
            ("auto_options", Value::Null),
            ("health_path", Value::Null),
            ("trusted_proxies", Value::Null),
            ("max_multipart_memory", Value::Null),
        ])));
        assert_eq!(flags, RouterFlags::default());
    }

    #[test]
    fn a_block_that_is_no_object_counts_as_wrongly_typed() {
        let flags = RouterFlags::from_settings(Some(&Node { line: 1, value: texts(&[]) }));
        assert_eq!(flags, RouterFlags { wrongly_typed: true, ..RouterFlags::default() });
        assert_eq!(RouterFlags::from_settings(None), RouterFlags::default());
    }

    #[test]
    fn a_fraction_where_an_integer_belongs_is_a_wrong_type() {
        for (number, wrong) in [("1.5", true), ("1e3", false), ("-1", false), ("1e30", true)] {
            let block = object(&[("max_multipart_memory", Value::Number(number.to_owned()))]);
            assert_eq!(RouterFlags::from_settings(Some(&block)).wrongly_typed, wrong, "{number}");
        }
    }
}
