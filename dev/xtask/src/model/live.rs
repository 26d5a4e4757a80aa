//! Which shapes and members the built operations can reach.
//!
//! A member that every path to it refuses needs no type and no constraints: any value in it is refused.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::botocore::Model;
use crate::contract::Contract;

#[derive(Debug, Default)]
pub struct Live {
    pub shapes: BTreeSet<String>,
    /// Those that stand in requests: only their constraints mean something.
    inputs: BTreeSet<String>,
    members: BTreeSet<(String, String)>,
    /// Input and output structures by operation, in the spelling of the model.
    pub structures: BTreeMap<String, (Option<String>, Option<String>)>,
}

/// Refused paths below the shape that is visited.
type Refused = Vec<Vec<String>>;

impl Live {
    pub fn find(model: &Model, contract: &Contract) -> Result<Live> {
        let mut live = Live::default();
        let mut visited = BTreeSet::new();
        for name in contract.built.keys() {
            let operation = model.operation(name)?;
            if let Some(input) = &operation.input {
                let refused = contract.refused_fields(name).into_iter().map(|(path, _)| path).collect();
                live.visit(model, &input.shape, refused, &mut visited)?;
            }
        }
        live.inputs = live.shapes.clone();
        for name in contract.built.keys() {
            let operation = model.operation(name)?;
            if let Some(output) = &operation.output {
                live.visit(model, &output.shape, Vec::new(), &mut visited)?;
            }
            let shape =
                |part: &Option<crate::botocore::Reference>| part.as_ref().map(|part| part.shape.clone());
            live.structures.insert(name.clone(), (shape(&operation.input), shape(&operation.output)));
        }
        Ok(live)
    }

    pub fn has_member(&self, structure: &str, member: &str) -> bool {
        self.members.contains(&(structure.to_owned(), member.to_owned()))
    }

    /// Whether the shape's constraints are ever checked.
    pub fn is_constrained(&self, shape: &str) -> bool {
        self.inputs.contains(shape)
    }

    fn visit(
        &mut self,
        model: &Model,
        name: &str,
        refused: Refused,
        visited: &mut BTreeSet<(String, Refused)>,
    ) -> Result<()> {
        if !visited.insert((name.to_owned(), refused.clone())) {
            return Ok(());
        }
        self.shapes.insert(name.to_owned());
        let shape = model.shape(name)?;
        for (member, reference) in &shape.members.0 {
            // Errors that end a stream go out as every error does.
            let ends_stream = shape.eventstream && model.shape(&reference.shape)?.exception;
            if ends_stream || refused.iter().any(|path| path.as_slice() == [member.as_str()]) {
                continue;
            }
            self.members.insert((name.to_owned(), member.clone()));
            self.visit(model, &reference.shape, below(&refused, member), visited)?;
        }
        if let Some(member) = &shape.member {
            self.visit(model, &member.shape, refused.clone(), visited)?;
        }
        if let (Some(key), Some(value)) = (&shape.key, &shape.value) {
            self.visit(model, &key.shape, Vec::new(), visited)?;
            self.visit(model, &value.shape, below(&refused, "*"), visited)?;
        }
        Ok(())
    }
}

fn below(refused: &Refused, step: &str) -> Refused {
    refused
        .iter()
        .filter(|path| path.first().is_some_and(|first| first == step))
        .map(|path| path[1..].to_vec())
        .collect()
}
