//! Getting into step with a device that echoes nothing: two questions with different answers, asked in an order that nothing else asks them in.

use crate::axis::AxisError;
use crate::link::Link;

/// Bits of its number that a mark has.
const BITS: u32 = 3;

/// Asks `questions` in the order of mark number `turn` and checks that their answers come in this order; no answer is on its way then.
/// `which` says which question a line answers; what it does not know is no answer.
///
/// # Errors
/// As [`Link::ask`]; [`AxisError::Garbled`] if the answers come in another order: some are those of earlier questions.
pub(crate) fn resync(
    link: &mut Link,
    turn: u32,
    questions: [&[u8]; 2],
    terminator: &[u8],
    which: impl Fn(&[u8]) -> Option<bool>,
) -> Result<(), AxisError> {
    for bit in mark(turn) {
        let question = questions[usize::from(bit)];
        let (answer, line) =
            link.ask_until(question, terminator, |line| which(line).map(|answer| (answer, line.to_vec())))?;
        if answer != bit {
            return Err(link.garbled(question, &line));
        }
    }
    Ok(())
}

/// Two ones, which come nowhere else in a mark, then the bits of its number with zeros between. A device answers in the order in which it was
/// asked; so what is left of earlier marks or other questions comes first, and cannot make a whole mark of another number.
fn mark(turn: u32) -> impl Iterator<Item = bool> {
    let bits = (0..BITS).flat_map(move |bit| [turn & (1 << bit) != 0, false]);
    [true, true, false].into_iter().chain(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mark_is_found_in_the_end_of_another_and_its_own_beginning() {
        let marks: Vec<Vec<bool>> = (0..1 << BITS).map(|turn| mark(turn).collect()).collect();
        for (turn, whole) in marks.iter().enumerate() {
            for (other, before) in marks.iter().enumerate() {
                let stream = [&before[..], &whole[..whole.len() - 1]].concat();
                let is_found = stream.windows(whole.len()).any(|window| window == whole);
                assert_eq!(is_found, other == turn, "{turn} after {other}");
            }
        }
    }
}
