//! `security/cors`: settings that open more than one would think.

use baton_shared::config::model::ServiceConfig;

use super::notes::{Notes, all_extra, is_set, member, namespace, texts};

pub(super) fn look(config: &ServiceConfig, notes: &mut Notes<'_>) {
    for (settings, at) in all_extra(config).filter_map(|extra| namespace(extra, "security/cors")) {
        let origins = member(settings, "allow_origins");
        let is_any = origins.is_none_or(|list| texts(list).any(|(_, origin)| origin == "*"));
        if is_any && is_set(settings, "allow_credentials") {
            notes.tell(
                &at.key("allow_credentials"),
                "with credentials every site can act as the person who is logged in: name the \
                 sites in `allow_origins`",
            );
        }
        for (index, origin) in origins.into_iter().flat_map(texts) {
            if origin != "*" && !origin.contains("://") && !origin.starts_with('*') {
                notes.tell(
                    &at.key("allow_origins").index(index),
                    format!("`{origin}` is no origin: write https://{origin}"),
                );
            }
        }
    }
}
