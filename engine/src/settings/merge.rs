//! The layers laid over each other.

use std::collections::BTreeMap;

use toml::Value;

use crate::settings::source::{Given, Layer, Source};

/// What one layer says, by name.
pub(super) type Values = BTreeMap<String, Given>;

/// What all layers say of one setting, the lowest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Stack(pub(super) Vec<Given>);

impl Stack {
    /// The value in force, and where it was set or taken away.
    pub(super) fn top(&self) -> (Option<&Value>, &Source) {
        in_force(&self.0)
    }

    /// The same as if the top were not there; `None` at the bottom.
    pub(super) fn inherited(&self) -> Option<(Option<&Value>, &Source)> {
        let (_, below) = self.0.split_last()?;
        (!below.is_empty()).then(|| in_force(below))
    }

    /// The same as if there were only the layers below `layer`.
    pub(super) fn below(&self, layer: Layer) -> (Option<&Value>, &Source) {
        let end = self.0.iter().take_while(|given| given.source.layer() < layer).count();
        in_force(&self.0[..end])
    }
}

fn in_force(stack: &[Given]) -> (Option<&Value>, &Source) {
    let default = || stack.first().filter(|given| given.source == Source::Default)?.value.as_ref();
    stack.last().map_or((None, &Source::Default), |top| (top.value.as_ref().or_else(default), &top.source))
}

/// What belongs to one setting and means nothing, or the wrong thing, once a layer above sets that one.
struct Belonging {
    owner: &'static str,
    /// The name of a setting, or the beginning of several.
    belongs: &'static str,
    /// Whether it holds still when the owner changes from one value to the other.
    still_holds: fn(Option<&Value>, &Value) -> bool,
}

const BELONGINGS: [Belonging; 6] = [
    Belonging { owner: "camera.driver", belongs: "camera.settings.", still_holds: is_same },
    Belonging { owner: "tracking.method", belongs: "tracking.magtrack.", still_holds: is_same },
    Belonging { owner: "correction.dark", belongs: "correction.dark_hash", still_holds: is_same },
    Belonging { owner: "correction.flat", belongs: "correction.flat_hash", still_holds: is_same },
    // The adapter is the gpu's, and auto with an adapter would mean gpu.
    Belonging {
        owner: "tracking.backend",
        belongs: "tracking.adapter",
        still_holds: |_, new| new.as_str() == Some("gpu"),
    },
    // Whoever names an adapter means to use it.
    Belonging { owner: "tracking.adapter", belongs: "tracking.backend", still_holds: |_, _| false },
];

fn is_same(old: Option<&Value>, new: &Value) -> bool {
    old == Some(new)
}

/// Every setting with what the layers say of it.
pub(super) fn merge(layers: &BTreeMap<Layer, Values>) -> BTreeMap<String, Stack> {
    let mut merged: BTreeMap<String, Stack> = BTreeMap::new();
    for values in layers.values() {
        let gone = taken_away(&merged, values);
        for (name, given) in gone.iter().chain(values) {
            merged.entry(name.clone()).or_default().0.push(given.clone());
        }
    }
    merged
}

/// What no longer holds under `values`, which do not say it anew.
fn taken_away(merged: &BTreeMap<String, Stack>, values: &Values) -> Values {
    let mut gone = Values::new();
    for Belonging { owner, belongs, still_holds } in BELONGINGS {
        let Some(Given { value: Some(new), source }) = values.get(owner) else { continue };
        let old = merged.get(owner).and_then(|stack| stack.top().0);
        if source.layer() == Layer::Default || still_holds(old, new) {
            continue;
        }
        let set = merged.iter().filter(|(_, stack)| stack.top().1.layer() > Layer::Default);
        for (name, _) in set.filter(|(name, _)| name.starts_with(belongs) && !values.contains_key(*name)) {
            gone.insert(name.clone(), Given { value: None, source: source.clone() });
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIG: Source = Source::CommandLine { option: "--below" };

    fn values(source: &Source, pairs: &[(&str, &str)]) -> Values {
        let given = |value: &str| Given { value: Some(value.into()), source: source.clone() };
        pairs.iter().map(|(name, value)| ((*name).to_owned(), given(value))).collect()
    }

    /// What is in force when `above` lies over `below`.
    fn told(below: &[(&str, &str)], above: &[(&str, &str)], name: &str) -> Option<String> {
        let defaults =
            [("tracking.backend", "auto"), ("tracking.method", "qi"), ("camera.driver", "simulated")];
        let layers = BTreeMap::from([
            (Layer::Default, values(&Source::Default, &defaults)),
            (Layer::CommandLine, values(&RIG, below)),
            (Layer::Session, values(&Source::Session, above)),
        ]);
        Some(merge(&layers).get(name)?.top().0?.as_str()?.to_owned())
    }

    #[test]
    fn what_belongs_to_a_setting_goes_with_it() {
        let kept = |below: &[_], above: &[_], name: &str| told(below, above, name).is_some();
        let camera = [("camera.driver", "replay"), ("camera.settings.path", "a.npy")];
        assert!(kept(&camera, &[("camera.driver", "replay")], "camera.settings.path"));
        assert!(!kept(&camera, &[("camera.driver", "simulated")], "camera.settings.path"));
        let both = [("camera.driver", "other"), ("camera.settings.path", "b.npy")];
        assert_eq!(told(&camera, &both, "camera.settings.path").as_deref(), Some("b.npy"));
        for [frames, hash, other] in [
            ["correction.dark", "correction.dark_hash", "correction.flat_hash"],
            ["correction.flat", "correction.flat_hash", "correction.dark_hash"],
        ] {
            let below = [(frames, "a"), (hash, "1"), (other, "2")];
            assert!(!kept(&below, &[(frames, "b")], hash) && kept(&below, &[(frames, "b")], other));
        }
        let magtrack = [("tracking.method", "magtrack"), ("tracking.magtrack.lookup_z.n_local", "9")];
        assert!(!kept(&magtrack, &[("tracking.method", "qi")], "tracking.magtrack.lookup_z.n_local"));
    }

    #[test]
    fn back_end_and_adapter_are_chosen_together() {
        let (gpu, cpu) =
            ([("tracking.backend", "gpu"), ("tracking.adapter", "NVIDIA")], [("tracking.backend", "cpu")]);
        for (backend, kept) in [("gpu", true), ("cpu", false), ("auto", false)] {
            let adapter = told(&gpu, &[("tracking.backend", backend)], "tracking.adapter");
            assert_eq!(adapter.is_some(), kept, "{backend}");
        }
        let other = [("tracking.adapter", "llvmpipe")];
        assert_eq!(told(&cpu, &other, "tracking.backend").as_deref(), Some("auto"));
        assert_eq!(told(&gpu, &other, "tracking.adapter").as_deref(), Some("llvmpipe"));
    }
}
