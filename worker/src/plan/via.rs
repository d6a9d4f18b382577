//! `backend/http/client.proxy_address` (Enterprise): through whom the hosts of a backend are called, whatever the environment
//! says.

use baton_shared::config::model::BackendConfig;
use baton_shared::config::node::Value;

use super::compile::Compiler;
use super::settings;
use crate::backend::via::Proxy;

/// A proxy of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViaId(u16);

impl ViaId {
    /// Its place among those of the file.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Collects them while a plan is compiled; equal ones share a place.
#[derive(Debug, Default)]
pub(super) struct ViaTable(Vec<Proxy>);

impl ViaTable {
    /// In the order of their places.
    pub(super) fn into_proxies(self) -> Box<[Proxy]> {
        self.0.into()
    }

    fn place(&mut self, proxy: Proxy) -> Option<ViaId> {
        let place = self.0.iter().position(|one| *one == proxy).unwrap_or_else(|| {
            self.0.push(proxy);
            self.0.len() - 1
        });
        u16::try_from(place).ok().map(ViaId)
    }
}

/// The proxy of a backend, if it names one. One that cannot be used refuses the file: whoever names a proxy wants nobody
/// called without.
pub(super) fn of_backend(compiler: &mut Compiler<'_>, backend: &BackendConfig) -> Option<ViaId> {
    let namespace = backend.extra_config.namespaces.get("backend/http/client")?;
    let address = settings::member(&namespace.settings, "proxy_address")?;
    let found = match &address.value {
        Value::Null => return None,
        Value::String(text) if text.is_empty() => return None,
        Value::String(text) => Proxy::parse(text).filter(|proxy| proxy.speaks.is_ok()),
        _ => None,
    };
    if found.is_none() {
        let at = namespace.at.key("proxy_address");
        let allowed =
            "is no proxy that can be used: write \"http://name:port\", or https or socks5";
        compiler.refuse(&at, allowed);
    }
    compiler.vias.place(found?)
}
