//! Whether a program is well formed. The invariants:
//!
//! 1. every variable is defined once, by a param or a step, and before it is read, in its block or one around it;
//! 2. a row takes the kinds of its arguments, which have one shape, and gives the kind and shape of its result;
//! 3. a loop's params are its turn and what it carries, with the types of its initial values and results;
//! 4. both branches of an `If` have as many results as it has, of its types;
//! 5. a map's results have its count in front; a condition is a scalar bool, a count a scalar int;
//! 6. a routine takes the types of its arguments and gives those of its results.

use super::*;

/// The first invariant that does not hold, in words.
pub fn program(program: &Program) -> Result<(), String> {
    let mut seen = VarSet::default();
    Verifier { program, seen: &mut seen }.block(&program.body, &mut VarSet::default())
}

struct Verifier<'p, 's> {
    program: &'p Program,
    /// Everything that has been defined anywhere.
    seen: &'s mut VarSet,
}

impl Verifier<'_, '_> {
    fn ty(&self, var: Var) -> &Type {
        self.program.type_of(var)
    }

    fn define(&mut self, var: Var, scope: &mut VarSet) -> Result<(), String> {
        if !self.seen.insert(var) {
            return Err(format!("v{} is defined twice", var.0));
        }
        scope.insert(var);
        Ok(())
    }

    fn block(&mut self, block: &Block, outer: &mut VarSet) -> Result<(), String> {
        let mut scope = outer.clone();
        for param in &block.params {
            self.define(*param, &mut scope)?;
        }
        for step in &block.steps {
            if let Some(var) = step.op.args().into_iter().find(|v| !scope.contains(v)) {
                return Err(format!("v{} is read before it is defined", var.0));
            }
            for inner in step.op.blocks() {
                self.block(inner, &mut scope)?;
            }
            self.step(step)?;
            for out in &step.outs {
                self.define(*out, &mut scope)?;
            }
        }
        match block.results.iter().find(|v| !scope.contains(v)) {
            Some(var) => Err(format!("the result v{} is not defined", var.0)),
            None => Ok(()),
        }
    }

    fn same(&self, what: &str, a: &[Var], b: &[Var]) -> Result<(), String> {
        if a.len() == b.len() && a.iter().zip(b).all(|(x, y)| self.ty(*x) == self.ty(*y)) {
            return Ok(());
        }
        Err(format!("{what}: types differ"))
    }

    fn scalar(&self, what: &str, var: Var, scalar: Scalar) -> Result<(), String> {
        if *self.ty(var) == Type::scalar(scalar) { Ok(()) } else { Err(format!("{what} is no scalar {scalar}")) }
    }

    fn step(&self, step: &Step) -> Result<(), String> {
        match &step.op {
            Op::Prim(row, args) => {
                let kinds: Vec<Scalar> = args.iter().map(|a| self.ty(*a).scalar).collect();
                let out = self.ty(step.outs[0]);
                if row.result(&kinds) != Some(out.scalar) || args.iter().any(|a| self.ty(*a).shape != out.shape) {
                    return Err(format!("{} of {kinds:?}", row.name));
                }
                Ok(())
            }
            Op::Loop { count, init, body } => {
                self.scalar("a count", *count, Scalar::Int)?;
                self.same("a loop's params", init, &body.params[1..])?;
                self.same("a loop's results", init, &body.results)?;
                self.same("what a loop gives", init, &step.outs)
            }
            Op::While { init, condition, body } => {
                self.scalar("a condition", condition.results[0], Scalar::Bool)?;
                self.same("a condition's params", init, &condition.params)?;
                self.same("a loop's params", init, &body.params[1..])?;
                self.same("a loop's results", init, &body.results)?;
                self.same("what a loop gives", init, &step.outs)
            }
            Op::If { condition, then, otherwise } => {
                self.scalar("a condition", *condition, Scalar::Bool)?;
                self.same("the first branch", &then.results, &step.outs)?;
                self.same("the other branch", &otherwise.results, &step.outs)
            }
            Op::Map { count, body, .. } => {
                let fits = |(out, result): (&Var, &Var)| {
                    let (out, result) = (self.ty(*out), self.ty(*result));
                    out.scalar == result.scalar && out.shape[0] == *count && out.shape[1..] == result.shape[..]
                };
                let all = step.outs.len() == body.results.len() && step.outs.iter().zip(&body.results).all(fits);
                if all { Ok(()) } else { Err("what a map gives: types differ".into()) }
            }
            Op::Routine { routine, batch, args } => {
                let args: Vec<Type> = args.iter().map(|a| self.ty(*a).clone()).collect();
                let outs: Vec<Type> = step.outs.iter().map(|o| self.ty(*o).clone()).collect();
                let results = routine.results(*batch, &args)?;
                if results == outs { Ok(()) } else { Err(format!("what {} gives: types differ", routine.name)) }
            }
            Op::Require { condition, .. } => self.scalar("a requirement", *condition, Scalar::Bool),
            _ => Ok(()),
        }
    }
}
