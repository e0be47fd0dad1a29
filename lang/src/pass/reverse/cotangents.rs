//! The cotangents that variables have gathered so far. They are added in the order in which they come, the last step of the
//! program first.

use super::*;
use rules::{Entries, Share};
use rules::terms::Terms;

#[derive(Default)]
pub struct Cotangents {
    terms: VarMap<Terms>,
    /// Variables whose entries at positions are listed, not added.
    listed: VarMap<Vec<Entries>>,
}

impl Cotangents {
    pub fn has(&self, var: Var) -> bool {
        self.terms.contains_key(&var)
    }

    pub fn add(&mut self, b: &mut Builder, var: Var, term: Cotangent) {
        self.terms.entry(var).or_default().add(b, term);
    }

    pub fn set(&mut self, var: Var, value: Var) {
        self.terms.remove(&var);
        self.terms.entry(var).or_default().put(Cotangent::of(value));
    }

    pub fn take(&mut self, b: &mut Builder, var: Var) -> Option<Cotangent> {
        self.terms.remove(&var)?.total(b)
    }

    /// Takes it as an array.
    pub fn value(&mut self, b: &mut Builder, var: Var) -> Option<Var> {
        self.terms.remove(&var)?.value(b)
    }

    /// From now on entries for `var` are listed.
    pub fn list(&mut self, var: Var) {
        self.listed.insert(var, vec![]);
    }

    pub fn take_list(&mut self, var: Var) -> Vec<Entries> {
        self.listed.remove(&var).unwrap_or_default()
    }

    /// Adds `share`, times sign and scale of `factor`, to `var`, which is called `name` here.
    pub fn share(&mut self, b: &mut Builder, var: Var, name: Var, factor: &Cotangent, share: Share) {
        match share {
            Share::Whole(term) => {
                let term = term.times(b, factor);
                self.add(b, var, term);
            }
            Share::At(entries) => {
                let value = Cotangent::of(entries.value).times(b, factor).materialise(b);
                self.add_entries(b, var, name, Entries { value, ..entries });
            }
        }
    }

    /// Adds `entries` to `var`, which is called `name` here. A single position is added in place, which takes no time for the
    /// rest of the array.
    pub fn add_entries(&mut self, b: &mut Builder, var: Var, name: Var, entries: Entries) {
        if let Some(list) = self.listed.get_mut(&var) {
            return list.push(entries);
        }
        let Entries { index, value, checked } = entries;
        let sum = match (b.shape_of(index[0]).is_empty(), self.value(b, var)) {
            (true, None) => {
                let zeros = b.zeros_like(name);
                b.update(zeros, index, value, checked)
            }
            (true, Some(before)) => {
                let entry = b.gather(before, index.clone(), checked);
                let sum = b.add(entry, value);
                b.update(before, index, sum, checked)
            }
            (false, before) => {
                let sum = b.scatter(b.shape_of(name).to_vec(), index, value);
                before.into_iter().for_each(|before| self.set(var, before));
                sum
            }
        };
        self.add(b, var, Cotangent::of(sum));
    }
}
