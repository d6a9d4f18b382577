//! One thread's view of the services of `sd: dns`: hosts with their connections, made anew only when a list has changed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::pool::Pool;
use super::resolve::watch::Service;
use crate::plan::{Host, HostId};

/// The hosts of every service of the plan.
#[derive(Debug)]
pub(crate) struct Discovered {
    services: Box<[RefCell<View>]>,
    /// The last number that was given to a host.
    last: Cell<u32>,
}

/// The hosts of one service.
#[derive(Debug, Default)]
struct View {
    version: u64,
    hosts: Hosts,
}

/// As often as their weights say.
pub(crate) type Hosts = Rc<[Rc<Host>]>;

impl Discovered {
    /// For so many services.
    pub(crate) fn new(services: usize) -> Self {
        let services = std::iter::repeat_with(RefCell::default).take(services).collect();
        Self { services, last: Cell::new(0) }
    }

    /// The hosts of the service at `place` as they are now.
    pub(crate) fn hosts(&self, place: usize, service: &Service, pool: &Pool) -> Hosts {
        let Some(view) = self.services.get(place) else { return Hosts::default() };
        let mut view = view.borrow_mut();
        let version = service.version();
        if view.version != version {
            *view = View { version, hosts: self.renewed(&view.hosts, service, pool) };
        }
        Rc::clone(&view.hosts)
    }

    /// Hosts that stay keep their connections; those that are gone lose theirs.
    fn renewed(&self, old: &Hosts, service: &Service, pool: &Pool) -> Hosts {
        let mut new: Vec<Rc<Host>> = Vec::new();
        for authority in service.list().iter() {
            let is_it = |host: &&Rc<Host>| host.authority == *authority;
            if let Some(same) = new.iter().find(is_it).or_else(|| old.iter().find(is_it)) {
                let same = Rc::clone(same);
                new.push(same);
            } else if let Some(host) = self.found(service, authority, pool) {
                new.push(Rc::new(host));
            }
        }
        for gone in old.iter().filter(|host| !new.iter().any(|one| one.id == host.id)) {
            gone.id.into_iter().for_each(|id| pool.dismiss(id));
        }
        new.into()
    }

    fn found(&self, service: &Service, authority: &str, pool: &Pool) -> Option<Host> {
        let mut host = Host::of(service.scheme, authority).ok()?;
        host.way = service.way;
        self.last.set(self.last.get() + 1);
        let id = HostId::found(self.last.get());
        pool.admit(id);
        host.id = Some(id);
        Some(host)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backend::pool::PoolLimits;
    use crate::plan::Scheme;

    #[test]
    fn hosts_that_stay_are_the_same_when_a_list_changes() {
        let limits = PoolLimits { idle_max: 9, idle_per_host_max: 9, idle_time_max: None };
        let pool = Pool::new(limits, 0);
        let service = Service::new("s", Scheme::Http, Duration::from_secs(30));
        let discovered = Discovered::new(1);
        let seen = |list: &[&str]| {
            service.set(list.iter().map(|host| (*host).into()).collect());
            let hosts = discovered.hosts(0, &service, &pool);
            let id = |host: &Rc<Host>| (host.authority.to_string(), host.id.unwrap());
            hosts.iter().map(id).collect::<Vec<_>>()
        };
        assert!(discovered.hosts(0, &service, &pool).is_empty());
        let first = seen(&["a.:80", "b.:80", "b.:80"]);
        assert_eq!(first[1].1, first[2].1);
        let second = seen(&["b.:80", "c.:80"]);
        assert_eq!(second[0], first[1]);
        assert_eq!(second[1].0, "c.:80");
        let third = seen(&["a.:80"]);
        assert_ne!(third[0].1, first[0].1, "whoever comes back is another");
        assert_eq!(seen(&["bad:port"]), []);
    }
}
