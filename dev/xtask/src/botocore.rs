//! The public service models, as the botocore package carries them.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

use crate::repo;

/// The pinned versions, `dev/models.toml`.
#[derive(Debug, Deserialize)]
pub struct Pins {
    pub botocore: String,
    pub services: BTreeMap<String, String>,
    /// The services' names for people.
    pub titles: BTreeMap<String, String>,
}

impl Pins {
    pub fn load(root: &Path) -> Result<Pins> {
        toml::from_str(&repo::read(&root.join("dev/models.toml"))?).context("dev/models.toml")
    }
}

/// Where the models are.
#[derive(Debug)]
pub struct Source {
    pub pins: Pins,
    data: PathBuf,
}

impl Source {
    /// The folder given, else `MULGIL_MODELS`, else what the tests' Python environment has. The
    /// version must be the pinned one.
    pub fn find(root: &Path, given: Option<PathBuf>) -> Result<Source> {
        let pins = Pins::load(root)?;
        let folders = match given.or_else(|| std::env::var_os("MULGIL_MODELS").map(PathBuf::from)) {
            Some(folder) => vec![folder],
            None => python_packages(root),
        };
        let versions: Vec<_> = folders.iter().map(|data| version_of(data)).collect();
        let wanted =
            |version: &Option<String>| version.as_ref().is_none_or(|version| *version == pins.botocore);
        match versions.iter().position(wanted) {
            Some(index) => Ok(Source { pins, data: folders[index].clone() }),
            None => bail!(
                "the models are of botocore {}, found {:?}: install that version into .venv, or set MULGIL_MODELS \
                 to its data folder",
                pins.botocore,
                versions.iter().flatten().collect::<Vec<_>>()
            ),
        }
    }

    pub fn version(&self, service: &str) -> Result<&str> {
        let version = self.pins.services.get(service);
        Ok(version.with_context(|| format!("{service} is not in dev/models.toml"))?)
    }

    pub fn load(&self, service: &str) -> Result<Model> {
        let folder = self.data.join(service).join(self.version(service)?);
        let packed = folder.join("service-2.json.gz");
        let text = if packed.is_file() {
            let file =
                std::fs::File::open(&packed).with_context(|| format!("cannot open {}", packed.display()))?;
            let mut text = String::new();
            flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
            text
        } else {
            repo::read(&folder.join("service-2.json"))?
        };
        serde_json::from_str(&text).with_context(|| format!("the model of {service} has an unknown form"))
    }
}

/// The version of the package around a data folder; `None` where it does not say.
fn version_of(data: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data.parent()?.join("__init__.py")).ok()?;
    let version = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(version.trim_matches(['\'', '"']).to_owned())
}

/// Data folders of the packages that the Pythons at hand would import.
fn python_packages(root: &Path) -> Vec<PathBuf> {
    let script = "import botocore, os; print(os.path.dirname(botocore.__file__))";
    let ask = |python: &PathBuf| {
        let output = Command::new(python).args(["-c", script]).output().ok()?;
        let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()).join("data");
        (output.status.success() && folder.is_dir()).then_some(folder)
    };
    [PathBuf::from("python3"), root.join(".venv/bin/python3")].iter().filter_map(ask).collect()
}

#[derive(Debug, Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    pub signing_name: Option<String>,
    pub service_full_name: String,
    pub protocol: String,
    #[serde(default)]
    pub json_version: String,
    #[serde(default)]
    pub target_prefix: String,
    #[serde(default)]
    pub xml_namespace: String,
}

#[derive(Debug, Deserialize)]
pub struct Operation {
    pub http: Http,
    pub input: Option<Reference>,
    pub output: Option<Reference>,
    #[serde(default)]
    pub errors: Vec<Reference>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    pub method: String,
    pub request_uri: String,
}

/// A use of a shape: a member, a list's element, an operation's input.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    pub shape: String,
    pub location: Option<String>,
    pub location_name: Option<String>,
    pub result_wrapper: Option<String>,
    #[serde(default)]
    pub idempotency_token: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: Members,
    #[serde(default)]
    pub required: Vec<String>,
    pub member: Option<Reference>,
    pub key: Option<Reference>,
    pub value: Option<Reference>,
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    pub min: Option<serde_json::Number>,
    pub max: Option<serde_json::Number>,
    pub pattern: Option<String>,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub document: bool,
    #[serde(default)]
    pub eventstream: bool,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub fault: bool,
    pub error: Option<ErrorTrait>,
    pub payload: Option<String>,
    pub timestamp_format: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorTrait {
    pub code: Option<String>,
    pub http_status_code: Option<u16>,
    #[serde(default)]
    pub fault: bool,
}

/// A member and its name.
pub type Named = (String, Reference);

/// Members in the model's own order, which a map would lose.
#[derive(Debug, Default)]
pub struct Members(pub Vec<Named>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the members of a structure")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Model {
    pub fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes.get(name).with_context(|| format!("the model has no shape {name}"))
    }

    pub fn operation(&self, name: &str) -> Result<&Operation> {
        self.operations.get(name).with_context(|| format!("the model has no operation {name}"))
    }

    /// The members of an operation's input.
    pub fn input_members(&self, operation: &str) -> Result<&[Named]> {
        match &self.operation(operation)?.input {
            Some(input) => Ok(&self.shape(&input.shape)?.members.0),
            None => Ok(&[]),
        }
    }

    /// The union of events in an output shape, if the operation answers with a stream.
    pub fn event_stream(&self, output: &str) -> Result<Option<(&str, &Shape)>> {
        for (_, reference) in &self.shape(output)?.members.0 {
            let shape = self.shape(&reference.shape)?;
            if shape.eventstream {
                return Ok(Some((&reference.shape, shape)));
            }
        }
        Ok(None)
    }

    /// The members of a union that end a stream, or those that do not.
    pub fn union_members<'a>(
        &'a self,
        union: &'a Shape,
        exceptions: bool,
    ) -> impl Iterator<Item = &'a Named> {
        let is_exception =
            |reference: &Reference| self.shapes.get(&reference.shape).is_some_and(|shape| shape.exception);
        union.members.0.iter().filter(move |(_, reference)| is_exception(reference) == exceptions)
    }

    /// What stands inside a shape once lists and maps are gone through: path segments to add and
    /// the members of the structure there, if there is one.
    pub fn inside(&self, shape: &str) -> Result<(Vec<&'static str>, &[Named])> {
        let mut steps = Vec::new();
        let mut shape = self.shape(shape)?;
        loop {
            match (&shape.member, &shape.value) {
                (Some(member), _) => shape = self.shape(&member.shape)?,
                (None, Some(value)) => {
                    steps.push("*");
                    shape = self.shape(&value.shape)?;
                }
                (None, None) => return Ok((steps, &shape.members.0)),
            }
        }
    }
}
