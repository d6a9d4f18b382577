//! What so many of a hundred measurements stay under.

/// Of `values`, which are sorted by it; the default of none.
pub(crate) fn percentile<T: Copy + Default + Ord>(values: &mut [T], percent: usize) -> T {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get((values.len() * percent / 100).min(last)).copied().unwrap_or_default()
}
