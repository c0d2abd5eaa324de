//! MagTrack's options as they stand in `rig.toml` and in recordings, under MagTrack's names.

use beadscope_shaders::magtrack::options::Value;
use beadscope_shaders::magtrack::{OptionError, Options};

/// The options that `table` sets, the others as MagTrack has them. `"fft_profile.rmin" = 0.1` and a table `fft_profile`
/// with `rmin = 0.1` are the same.
///
/// # Errors
/// An unknown option, or a value of another kind or outside its range.
pub fn options_from_toml(table: &toml::Table) -> Result<Options, OptionError> {
    let mut options = Options::default();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => {
                for (rest, value) in inner {
                    options.set(&format!("{key}.{rest}"), &text_of(value))?;
                }
            }
            value => options.set(key, &text_of(value))?,
        }
    }
    Ok(options)
}

/// Every option, so that a recording says what was in force.
pub fn toml_from_options(options: &Options) -> toml::Table {
    let entry = |(key, value): (&str, Value)| {
        let value = match value {
            Value::Word(word) => word.into(),
            // No option counts beyond 1001.
            Value::Count(count) => toml::Value::Integer(count as i64),
            Value::Number(number) => number.into(),
            Value::Switch(on) => on.into(),
        };
        (key.to_owned(), value)
    };
    options.entries().into_iter().map(entry).collect()
}

fn text_of(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Options, OptionError> {
        options_from_toml(&text.parse().unwrap())
    }

    #[test]
    fn quoted_keys_and_tables_are_the_same() {
        let quoted =
            "'center_of_mass.background' = 'mean'\n'use fft_profile' = true\n'fft_profile.rmin' = 0.1";
        let tables =
            "center_of_mass.background = 'mean'\n'use fft_profile' = 'yes'\n[fft_profile]\nrmin = 0.1";
        let wanted = read(quoted).unwrap();
        assert!(wanted.use_fft_profile && wanted.fft_rmin == 0.1);
        assert_eq!(read(tables).unwrap(), wanted);
        assert_eq!(options_from_toml(&toml_from_options(&wanted)).unwrap(), wanted);
        assert_eq!(read("").unwrap(), Options::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let said = |text| read(text).unwrap_err().to_string();
        assert_eq!(
            said("'lookup_z.n_local' = 2.5"),
            "lookup_z.n_local = 2.5 is out of range: an odd number, 3 to 1001"
        );
        assert!(said("fft_profile.size = 3").contains("no option \"fft_profile.size\""));
        assert!(said("a.b.c = 3").contains("no option \"a.b\""));
    }
}
