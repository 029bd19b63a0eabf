//! How much room a table keeps when what it held has gone.

/// The room to shrink to, where no more than a quarter of it is used: twice what is needed, so that no table grows and shrinks
/// in turn. `None` where there is nothing to give back.
pub(crate) fn to_keep(len: usize, capacity: usize) -> Option<usize> {
    (capacity / 4 > len.max(LEAST)).then_some(2 * len)
}

/// Entries for which a table keeps its room: some tens of kilobytes are not worth the move.
const LEAST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_when_a_quarter_of_it_is_used_and_never_a_little() {
        assert_eq!(to_keep(10_000, 40_003), None);
        assert_eq!(to_keep(10_000, 40_004), Some(20_000));
        assert_eq!(to_keep(0, 4 * LEAST), None);
        assert_eq!(to_keep(0, 4 * LEAST + 4), Some(0));
    }
}
