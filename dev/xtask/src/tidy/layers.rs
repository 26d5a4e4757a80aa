//! The folder a crate lives in is its layer; edges go downwards only.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::Finding;

const RULE: &str = "layers";

/// Layer → layers it may depend on. `server` and `dev` may depend on everything.
const BELOW: [(&str, &[&str]); 5] = [
    ("foundation", &[]),
    ("storage", &["foundation"]),
    ("engines", &["foundation", "storage"]),
    ("protocol", &["foundation"]),
    ("services", &["foundation", "storage", "engines", "protocol"]),
];

/// Edges inside a folder.
const INSIDE: [(&str, &str); 6] = [
    ("objects", "meta"),
    ("log", "meta"),
    ("query", "lake"),
    ("flow", "lake"),
    ("flow", "query"),
    ("durable", "asl"),
];

/// A dependency of one of our crates on another.
#[derive(Debug)]
struct Edge {
    manifest: String,
    from: Place,
    to: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    layer: String,
    name: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    kind: Option<String>,
    path: Option<String>,
}

pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cargo metadata did not start")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    Ok(judge(&edges(root, &metadata)))
}

/// Dependencies that only tests need are free.
fn edges(root: &Path, metadata: &Metadata) -> Vec<Edge> {
    let relative =
        |path: &str| Path::new(path).strip_prefix(root).ok().map(|path| path.display().to_string());
    let mut edges = Vec::new();
    for package in &metadata.packages {
        let Some(manifest) = relative(&package.manifest_path) else { continue };
        let from = Place::of(manifest.trim_end_matches("/Cargo.toml"));
        for dependency in package.dependencies.iter().filter(|found| found.kind.as_deref() != Some("dev")) {
            if let Some(path) = dependency.path.as_deref().and_then(relative) {
                edges.push(Edge { manifest: manifest.clone(), from: from.clone(), to: Place::of(&path) });
            }
        }
    }
    edges
}

fn judge(edges: &[Edge]) -> Vec<Finding> {
    let forbidden = edges.iter().filter(|edge| !is_allowed(&edge.from, &edge.to));
    forbidden
        .map(|edge| {
            let (from, to) = (&edge.from, &edge.to);
            let message =
                format!("{} ({}) must not depend on {} ({})", from.name, from.layer, to.name, to.layer);
            Finding::new(RULE, &edge.manifest, 1, message)
        })
        .collect()
}

fn is_allowed(from: &Place, to: &Place) -> bool {
    if from.layer == "server" || from.layer == "dev" {
        return true;
    }
    let below = BELOW.iter().find(|(layer, _)| *layer == from.layer);
    below.is_some_and(|(_, below)| below.contains(&to.layer.as_str()))
        || (from.layer == to.layer && INSIDE.contains(&(from.name.as_str(), to.name.as_str())))
}

impl Place {
    /// `crates/storage/log` is log in storage; `crates/server` and `dev/…` are layers of their own.
    fn of(folder: &str) -> Place {
        let steps: Vec<_> = folder.split('/').collect();
        let layer = match steps.as_slice() {
            ["crates", layer, ..] => layer,
            [layer, ..] => layer,
            [] => "",
        };
        Place { layer: layer.to_owned(), name: steps.last().unwrap_or(&"").to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str) -> Edge {
        Edge { manifest: format!("{from}/Cargo.toml"), from: Place::of(from), to: Place::of(to) }
    }

    #[test]
    fn edges_go_down_or_are_listed() {
        for (from, to) in [
            ("crates/services/kinesis", "crates/storage/log"),
            ("crates/services/kinesis", "crates/protocol/aws"),
            ("crates/storage/log", "crates/storage/meta"),
            ("crates/engines/flow", "crates/engines/query"),
            ("crates/server", "crates/services/s3"),
            ("dev/bench", "crates/engines/lake"),
        ] {
            assert_eq!(judge(&[edge(from, to)]), [], "{from} -> {to}");
        }
    }

    #[test]
    fn edges_upwards_and_sideways_are_found() {
        for (from, to) in [
            ("crates/services/kinesis", "crates/services/s3"),
            ("crates/foundation/rt", "crates/foundation/names"),
            ("crates/engines/lake", "crates/protocol/aws"),
            ("crates/engines/lake", "crates/engines/query"),
            ("crates/protocol/aws", "crates/storage/meta"),
            ("crates/storage/meta", "crates/engines/lake"),
            ("crates/services/glue", "dev/testkit"),
            ("crates/services/glue", "crates/server"),
        ] {
            assert_eq!(judge(&[edge(from, to)]).len(), 1, "{from} -> {to}");
        }
    }
}
