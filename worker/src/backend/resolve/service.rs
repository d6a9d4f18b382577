//! The records of a service to the list of hosts that a balancer picks from. Pure.
//!
//! KrakenD: only the lowest priority counts; a host stands in the list as often as its weight, scaled down where the sum
//! is large, divided by the greatest common divisor. There records whose weights are all zero, a common
//! thing, give no host at all; here such count as equal.

/// One `SRV` record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    /// With its final dot.
    pub(crate) target: String,
    pub(crate) port: u16,
}

/// Weights are scaled down to this sum, or to the number of records if that is more.
const SCALE: u64 = 100;

/// `target:port` of every place in the list.
pub(crate) fn instances(mut records: Vec<Record>) -> Vec<String> {
    records.sort_by(|a, b| {
        let order = a.priority.cmp(&b.priority).then(b.weight.cmp(&a.weight));
        order.then_with(|| a.target.cmp(&b.target)).then(a.port.cmp(&b.port))
    });
    let best = records.first().map(|record| record.priority);
    records.retain(|record| Some(record.priority) == best);
    let weights: Vec<u64> = records.iter().map(|record| u64::from(record.weight)).collect();
    let mut hosts = Vec::new();
    for (record, times) in records.iter().zip(compact(weights)) {
        // An IPv6 target cannot be: targets are names.
        let host = format!("{}:{}", record.target, record.port);
        hosts.extend(std::iter::repeat_n(host, usize::try_from(times).unwrap_or(0)));
    }
    hosts
}

fn compact(mut weights: Vec<u64>) -> Vec<u64> {
    if weights.iter().all(|weight| *weight == 0) {
        weights.fill(1);
    }
    let scale = SCALE.max(weights.len() as u64);
    let sum: u64 = weights.iter().sum();
    if sum > scale {
        weights.iter_mut().for_each(|weight| *weight = *weight * scale / sum);
    }
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor);
    if divisor > 1 {
        weights.iter_mut().for_each(|weight| *weight /= divisor);
    }
    weights
}

const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(priority: u16, weight: u16, target: &str, port: u16) -> Record {
        Record { priority, weight, target: target.to_owned(), port }
    }

    fn weighted(weights: &[u16]) -> Vec<usize> {
        let records =
            weights.iter().zip('a'..).map(|(w, name)| record(1, *w, &format!("{name}."), 80));
        let hosts = instances(records.collect());
        let count = |name: char| hosts.iter().filter(|host| host.starts_with(name)).count();
        ('a'..).take(weights.len()).map(count).collect()
    }

    #[test]
    fn a_host_stands_in_the_list_as_often_as_its_weight() {
        assert_eq!(weighted(&[10, 30]), [1, 3]);
        assert_eq!(weighted(&[1000, 1, 2000]), [1, 0, 2]);
        assert_eq!(weighted(&[100, 100]), [1, 1]);
        assert_eq!(weighted(&[65535, 65535, 1]), [1, 1, 0]);
        assert_eq!(weighted(&[3, 0]), [1, 0]);
        assert_eq!(weighted(&[]), Vec::<usize>::new());
    }

    #[test]
    fn weights_that_are_all_zero_are_equal() {
        assert_eq!(weighted(&[0, 0, 0]), [1, 1, 1]);
        assert_eq!(weighted(&[0]), [1]);
    }

    #[test]
    fn only_the_lowest_priority_counts_in_a_fixed_order() {
        let records = vec![
            record(2, 9, "z.", 80),
            record(1, 1, "b.", 81),
            record(1, 1, "b.", 80),
            record(1, 2, "c.", 80),
            record(1, 1, "a.", 80),
        ];
        assert_eq!(instances(records), ["c.:80", "c.:80", "a.:80", "b.:80", "b.:81"]);
    }
}
