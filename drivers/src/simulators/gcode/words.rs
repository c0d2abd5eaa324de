//! G-code as words: `G53X-10F600`.

/// A letter and its number.
pub(super) type Word = (char, f64);

/// The words of a line without spaces, in capitals; the number of the error that GRBL has for it if it is none.
pub(super) fn words(line: &str) -> Result<Vec<Word>, u8> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        if !letter.is_ascii_uppercase() {
            return Err(1);
        }
        let end = rest[1..].find(|c: char| c.is_ascii_uppercase()).map_or(rest.len(), |end| end + 1);
        words.push((letter, rest[1..end].parse().map_err(|_| 2)?));
        rest = &rest[end..];
    }
    Ok(words)
}

/// What a line says.
#[derive(Default)]
pub(super) struct Block {
    /// 0 or 1, if it says so.
    pub(super) motion: Option<u8>,
    /// It goes relative to where it is, or not.
    pub(super) is_relative: Option<bool>,
    /// It counts in machine space.
    pub(super) is_machine: bool,
    /// A mm in what it counts in.
    pub(super) mm: Option<f64>,
    pub(super) axes: [Option<f64>; 3],
    pub(super) feed: Option<f64>,
    pub(super) tool: Option<u8>,
}

impl Block {
    /// The block of a line; the number of the error that GRBL has for it if it is none.
    pub(super) fn parse(line: &str) -> Result<Self, u8> {
        let mut block = Self::default();
        for (letter, number) in words(line)? {
            match (letter, number) {
                ('G', 0.0 | 1.0) => block.motion = Some(number as u8),
                ('G', 90.0) => block.is_relative = Some(false),
                ('G', 91.0) => block.is_relative = Some(true),
                ('G', 53.0) => block.is_machine = true,
                ('G', 20.0) => block.mm = Some(25.4),
                ('G', 21.0) => block.mm = Some(1.0),
                ('G', 54.0 | 17.0 | 94.0) | ('N' | 'S', _) => {}
                ('X' | 'Y' | 'Z', _) => block.axes[letter as usize - 'X' as usize] = Some(number),
                ('F', _) if number < 0.0 => return Err(4),
                ('F', _) => block.feed = Some(number),
                ('T', 0.0..=255.0) => block.tool = Some(number as u8),
                _ => return Err(20),
            }
        }
        Ok(block)
    }

    pub(super) fn goes_somewhere(&self) -> bool {
        self.axes.iter().any(Option::is_some)
    }
}
