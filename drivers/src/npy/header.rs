//! The header of a `.npy` file: what the array is, and where its data begin.

use std::io::Read;
use std::path::Path;

use crate::stack::StackError;

/// First bytes of every `.npy` file (NumPy enhancement proposal 1).
pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// No header of a plain array is longer; a larger claim is damage, and is refused before memory is taken for it.
const MAX_HEADER_BYTES: u32 = 65_536;

/// What a `.npy` header says.
#[derive(Debug)]
pub(crate) struct Header {
    /// NumPy's name of the element type, for example `<u2`.
    pub(crate) dtype: String,
    /// Length of each axis, slowest first.
    pub(crate) shape: Vec<u64>,
    /// Offset of the first element in the file, in bytes.
    pub(crate) data_at: u64,
}

impl Header {
    /// Reads and checks the header at the start of `file`. `path` is for the error message.
    pub(crate) fn read(file: &mut impl Read, path: &Path) -> Result<Self, StackError> {
        let mut start = [0; 8];
        let got = read_up_to(file, &mut start).map_err(|error| StackError::read(&error, path))?;
        if got == 0 {
            return Err(StackError::damaged("the file is empty".to_owned(), path));
        }
        if got < start.len() || !start.starts_with(MAGIC) {
            return Err(StackError::damaged(
                "not a .npy file (it does not begin with \\x93NUMPY)".to_owned(),
                path,
            ));
        }
        let cut = || StackError::damaged("the .npy header is cut short".to_owned(), path);
        let (length, length_bytes) = match start[6] {
            1 => {
                let mut bytes = [0; 2];
                file.read_exact(&mut bytes).map_err(|_| cut())?;
                (u32::from(u16::from_le_bytes(bytes)), 2)
            }
            2 | 3 => {
                let mut bytes = [0; 4];
                file.read_exact(&mut bytes).map_err(|_| cut())?;
                (u32::from_le_bytes(bytes), 4)
            }
            version => {
                let what = format!(".npy format version {version}");
                return Err(StackError::unsupported(what, "save it again with numpy.save", path));
            }
        };
        if length > MAX_HEADER_BYTES {
            return Err(StackError::damaged(
                format!("the .npy header claims {length} bytes for itself"),
                path,
            ));
        }
        let mut text = vec![0; length as usize];
        file.read_exact(&mut text).map_err(|_| cut())?;
        let text = String::from_utf8_lossy(&text);
        let (dtype, shape) = parse(&text).map_err(|what| what.into_error(path))?;
        Ok(Self { dtype, shape, data_at: 8 + length_bytes + u64::from(length) })
    }

    /// The shape as Python writes it.
    pub(crate) fn shape_text(&self) -> String {
        let axes: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        format!("({})", axes.join(", "))
    }
}

/// What is wrong with a header's text.
#[derive(Debug, PartialEq)]
enum Fault {
    Damaged(&'static str),
    Structured,
    ColumnMajor,
}

impl Fault {
    fn into_error(self, path: &Path) -> StackError {
        match self {
            Self::Damaged(what) => StackError::damaged(what.to_owned(), path),
            Self::Structured => {
                StackError::unsupported("a structured dtype".to_owned(), "save a plain array", path)
            }
            Self::ColumnMajor => StackError::unsupported(
                "Fortran order".to_owned(),
                "save numpy.ascontiguousarray(array) instead",
                path,
            ),
        }
    }
}

/// Parses `{'descr': '<u2', 'fortran_order': False, 'shape': (3, 4), }` into dtype and shape.
fn parse(text: &str) -> Result<(String, Vec<u64>), Fault> {
    let descr = value_after(text, "descr").ok_or(Fault::Damaged("the .npy header has no 'descr'"))?;
    let dtype = match descr.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            descr[1..].split(quote).next().filter(|name| !name.is_empty() && name.len() < 16)
        }
        Some('[') => return Err(Fault::Structured),
        _ => None,
    }
    .ok_or(Fault::Damaged("the .npy header has no readable 'descr'"))?;
    let order =
        value_after(text, "fortran_order").ok_or(Fault::Damaged("the .npy header has no 'fortran_order'"))?;
    let shape = value_after(text, "shape")
        .and_then(|rest| rest.strip_prefix('('))
        .and_then(|rest| rest.split_once(')'))
        .ok_or(Fault::Damaged("the .npy header has no 'shape'"))?
        .0;
    let shape: Vec<u64> = shape
        .split(',')
        .map(str::trim)
        .filter(|axis| !axis.is_empty())
        .map(|axis| {
            axis.parse().map_err(|_| Fault::Damaged("the .npy header's 'shape' is not a list of lengths"))
        })
        .collect::<Result<_, _>>()?;
    // Order means nothing for one axis, and NumPy may then write either.
    match (order.starts_with("False"), order.starts_with("True")) {
        (true, _) => {}
        (_, true) if shape.len() < 2 => {}
        (_, true) => return Err(Fault::ColumnMajor),
        _ => return Err(Fault::Damaged("the .npy header's 'fortran_order' is neither True nor False")),
    }
    Ok((dtype.to_owned(), shape))
}

/// The text that follows `'key':` in a Python dictionary.
fn value_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    ['\'', '"'].iter().find_map(|quote| {
        let (_, rest) = text.split_once(&format!("{quote}{key}{quote}"))?;
        Some(rest.trim_start().strip_prefix(':')?.trim_start())
    })
}

/// Fills `buffer` as far as the file goes and returns how far that was.
fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numpys_own_headers_parse() {
        let text = "{'descr': '<u2', 'fortran_order': False, 'shape': (10, 64, 48), }          \n";
        assert_eq!(parse(text), Ok(("<u2".to_owned(), vec![10, 64, 48])));
        let text = "{\"descr\": \"|u1\", \"fortran_order\": True, \"shape\": (7,)}";
        assert_eq!(parse(text), Ok(("|u1".to_owned(), vec![7])));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let text = "{'descr': '<u2', 'fortran_order': True, 'shape': (10, 64), }";
        assert_eq!(parse(text), Err(Fault::ColumnMajor));
        let text = "{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (10,), }";
        assert_eq!(parse(text), Err(Fault::Structured));
        for damaged in
            ["", "{}", "{'descr': '<u2'}", "{'descr': '<u2', 'fortran_order': False, 'shape': (1, -2)}"]
        {
            assert!(matches!(parse(damaged), Err(Fault::Damaged(_))), "{damaged}");
        }
    }
}
