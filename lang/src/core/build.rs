//! The only way to make Core. Each method adds one step to the innermost open block and gives it its type; a step that
//! would be ill-typed is a fault of ours and panics (the checker has answered the user before).
//!
//! What is known at once is computed at once: scalar primitives of constants, copies, factors of one.

use super::*;
use crate::prim::{self, Prim, Run};
use crate::routine::Routine;
use crate::source::Call;

#[derive(Default)]
pub struct Builder {
    pub types: Vec<Type>,
    pub spans: Arc<Vec<Span>>,
    /// Open blocks, the innermost last.
    blocks: Vec<Vec<Step>>,
    /// Room that closed blocks have left: steps are many, and so they are moved once, not whenever a block grows.
    spare: Vec<Vec<Step>>,
    /// For each of them the place that new steps had when it was opened: they have it again when it is closed.
    opened: Vec<u32>,
    /// What is known of each variable, by its number, as far as steps have been added.
    known: Vec<Known>,
    /// Index of the place that new steps get.
    span: u32,
    /// The call that is walked.
    within: Option<Arc<Call>>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    literal: Option<Literal>,
    /// Where it is defined: block and step; may be out of date.
    place: Option<(u32, u32)>,
    /// The scalar that it repeats everywhere.
    uniform: Option<Var>,
}

impl Builder {
    pub fn new() -> Builder {
        Builder { blocks: vec![vec![]], opened: vec![0], ..Builder::default() }
    }

    /// Goes on in an existing program: new variables follow its own.
    pub fn resume(types: Vec<Type>, spans: Arc<Vec<Span>>) -> Builder {
        Builder { types, spans, ..Builder::new() }
    }

    /// Closes the outermost block into a program.
    pub fn finish(mut self, params: Vec<Var>, results: Vec<Var>) -> Program {
        assert_eq!(self.blocks.len(), 1, "a block was left open");
        let steps = self.blocks.pop().unwrap();
        Program { types: self.types, spans: self.spans, body: Block { params, steps, results } }
    }

    // ---- places ----

    /// New steps stand at this place of the text; returns the place before.
    pub fn at(&mut self, span: &Span) -> u32 {
        let before = self.span;
        let within = span.within.as_ref().or(self.within.as_ref());
        let same = self.spans.last().is_some_and(|s| {
            let same_call = s.within.as_ref().map(Arc::as_ptr) == within.map(Arc::as_ptr);
            s.start == span.start && s.end == span.end && Arc::ptr_eq(&s.source, &span.source) && same_call
        });
        if !same {
            let within = within.cloned();
            Arc::make_mut(&mut self.spans).push(Span { within, ..span.clone() });
        }
        self.span = self.spans.len() as u32 - 1;
        before
    }

    /// New steps belong to this call; returns the call before, for [`Builder::leave`].
    pub fn enter(&mut self, function: &str, place: &Span) -> Option<Arc<Call>> {
        let place = Span { within: self.within.clone(), ..place.clone() };
        self.within.replace(Arc::new(Call { function: function.to_string(), place }))
    }

    pub fn leave(&mut self, before: Option<Arc<Call>>) {
        self.within = before;
    }

    /// New steps stand at this place (an index that [`Builder::at`] or a step has given).
    pub fn set_span(&mut self, span: u32) {
        self.span = span;
    }

    pub fn span(&self) -> u32 {
        self.span
    }

    /// The place in the text where new steps stand.
    pub fn place(&self) -> Span {
        self.place_of(self.span)
    }

    /// The place in the text of a step's `span`.
    pub fn place_of(&self, span: u32) -> Span {
        self.spans[span as usize].clone()
    }

    // ---- blocks and variables ----

    pub fn fresh(&mut self, ty: Type) -> Var {
        self.types.push(ty);
        Var(self.types.len() as u32 - 1)
    }

    /// A new variable of the same type.
    pub fn fresh_like(&mut self, var: Var) -> Var {
        self.fresh(self.type_of(var).clone())
    }

    pub fn type_of(&self, var: Var) -> &Type {
        &self.types[var.0 as usize]
    }

    pub fn scalar_of(&self, var: Var) -> Scalar {
        self.type_of(var).scalar
    }

    pub fn shape_of(&self, var: Var) -> &[usize] {
        &self.type_of(var).shape
    }

    pub fn literal_of(&self, var: Var) -> Option<Literal> {
        self.known(var).literal
    }

    fn known(&self, var: Var) -> Known {
        self.known.get(var.0 as usize).copied().unwrap_or_default()
    }

    fn known_mut(&mut self, var: Var) -> &mut Known {
        if self.known.len() <= var.0 as usize {
            self.known.resize(self.types.len(), Known::default());
        }
        &mut self.known[var.0 as usize]
    }

    pub fn open(&mut self) {
        self.blocks.push(self.spare.pop().unwrap_or_default());
        self.opened.push(self.span);
    }

    /// The steps of the outermost block, taken out; all other blocks are closed.
    pub fn take_steps(&mut self) -> Vec<Step> {
        assert_eq!(self.blocks.len(), 1, "a block was left open");
        std::mem::take(&mut self.blocks[0])
    }

    pub fn close(&mut self, params: Vec<Var>, results: Vec<Var>) -> Block {
        self.span = self.opened.pop().expect("no block is open");
        let mut open = self.blocks.pop().expect("no block is open");
        let steps = open.drain(..).collect();
        self.spare.push(open);
        Block { params, steps, results }
    }

    /// Opens a closed block again; returns its results.
    pub fn reopen(&mut self, block: Block) -> Vec<Var> {
        self.open();
        block.steps.into_iter().for_each(|step| self.push(step));
        block.results
    }

    /// Drops the innermost open block and what is in it.
    pub fn abandon(&mut self) {
        self.abandon_to(self.depth() - 1);
    }

    /// How many blocks are open; with [`Builder::abandon_to`] an error can leave the builder as it was.
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    pub fn abandon_to(&mut self, depth: usize) {
        self.blocks.truncate(depth);
        self.span = self.opened.drain(depth..).next().unwrap_or(self.span);
    }

    /// The step that defines `var` in the blocks now open (not inside regions that are closed).
    pub fn definition(&self, var: Var) -> Option<&Step> {
        let (block, step) = self.known(var).place?;
        self.blocks.get(block as usize)?.get(step as usize).filter(|s| s.outs.contains(&var))
    }

    /// For each of the variables `of`, whether `vars` are computed from it (as far as open blocks show).
    pub fn depends(&self, vars: &[Var], of: &[Var]) -> Vec<bool> {
        let mut found = vec![false; of.len()];
        // What was there before them is not computed from them.
        let Some(first) = of.iter().min() else { return found };
        let mut seen = VarSet::default();
        let mut open = vars.to_vec();
        while let Some(var) = open.pop() {
            if var < *first || !seen.insert(var) {
                continue;
            }
            if let Some(k) = of.iter().position(|v| *v == var) {
                found[k] = true;
            }
            if let Some(step) = self.definition(var) {
                open.extend(step.op.args());
                for block in step.op.blocks() {
                    open.extend(block.captures());
                }
            }
        }
        found
    }

    /// Whether a value, other than through `detach`, comes from one of these (as far as open blocks show).
    pub fn carries(&self, var: Var, of: &[Var]) -> bool {
        let mut seen = VarSet::default();
        let mut sources = VarMap::default();
        let mut open = vec![var];
        while let Some(var) = open.pop() {
            if of.contains(&var) {
                return true;
            }
            if !seen.insert(var) {
                continue;
            }
            if let Some(step) = self.definition(var).filter(|_| !sources.contains_key(&var)) {
                add_sources(step, &mut sources);
            }
            open.extend(sources.get(&var).into_iter().flatten());
        }
        false
    }

    /// The steps of the open blocks, outermost first.
    pub fn open_steps(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.blocks.iter().flatten()
    }

    /// Adds a step as it is; `types` are those of its results.
    pub fn step(&mut self, op: Op, types: Vec<Type>) -> Vec<Var> {
        let outs: Vec<Var> = types.into_iter().map(|t| self.fresh(t)).collect();
        let span = self.span;
        self.push(Step { outs: Vars::from_slice(&outs), op, span });
        outs
    }

    fn push(&mut self, step: Step) {
        match &step.op {
            Op::Constant(literal) => self.known_mut(step.outs[0]).literal = Some(*literal),
            Op::Spread { arg, dims, .. } if dims.is_empty() => self.known_mut(step.outs[0]).uniform = Some(*arg),
            _ => {}
        }
        let block = self.blocks.len() - 1;
        let place = Some((block as u32, self.blocks[block].len() as u32));
        step.outs.iter().for_each(|v| self.known_mut(*v).place = place);
        self.blocks[block].push(step);
    }

    /// Adds steps that are Core already.
    pub fn extend(&mut self, steps: Vec<Step>) {
        steps.into_iter().for_each(|step| self.push(step));
    }

    fn one(&mut self, op: Op, ty: Type) -> Var {
        let out = self.fresh(ty);
        let span = self.span;
        self.push(Step { outs: Vars::from_slice(&[out]), op, span });
        out
    }

    /// A copy of a block's steps here, its params replaced by `args`; returns what its results are called here.
    pub fn inline(&mut self, block: &Block, args: &[Var]) -> Vec<Var> {
        assert_eq!(block.params.len(), args.len());
        let mut names = block.params.iter().copied().zip(args.iter().copied()).collect();
        self.copy_steps(&block.steps, &mut names);
        block.results.iter().map(|v| named(&names, *v)).collect()
    }

    /// Copies steps here under new names; `names` maps old to new and grows.
    pub fn copy_steps(&mut self, steps: &[Step], names: &mut VarMap<Var>) {
        let before = self.span;
        for step in steps {
            self.span = step.span;
            self.copy_step(step, names);
        }
        self.span = before;
    }

    /// Copies one step, which is rebuilt by its own method so that what has become known is computed.
    pub fn copy_step(&mut self, step: &Step, names: &mut VarMap<Var>) {
        let mut op = step.op.without_blocks().map_args(&mut |v| named(names, v));
        for (copy, block) in op.blocks_mut().into_iter().zip(step.op.blocks()) {
            *copy = self.copy_block(block, names);
        }
        let outs = self.rebuild(op, &step.outs);
        names.extend(step.outs.iter().copied().zip(outs));
    }

    /// Copies steps of another program here; `names` maps its variables to ours and grows. What is named already is left out.
    pub fn adopt(&mut self, program: &Program, steps: &[Step], names: &mut VarMap<Var>) {
        for step in steps {
            if step.outs.iter().any(|v| names.contains_key(v)) {
                continue;
            }
            self.span = self.adopted_span(program, step.span);
            let mut op = step.op.clone().map_args(&mut |v| names[&v]);
            for block in op.blocks_mut() {
                let mut inner = names.clone();
                let params: Vec<Var> = block.params.iter().map(|p| self.fresh(program.type_of(*p).clone())).collect();
                inner.extend(block.params.iter().copied().zip(params.iter().copied()));
                self.open();
                self.adopt(program, &block.steps, &mut inner);
                let results = block.results.iter().map(|v| inner[v]).collect();
                *block = self.close(params, results);
            }
            let outs = self.step(op, step.outs.iter().map(|v| program.type_of(*v).clone()).collect());
            names.extend(step.outs.iter().copied().zip(outs));
        }
    }

    /// A place of another program's text among ours.
    pub fn adopted_span(&mut self, program: &Program, span: u32) -> u32 {
        match program.spans.get(span as usize) {
            Some(place) => {
                let place = place.clone();
                let before = self.at(&place);
                std::mem::replace(&mut self.span, before)
            }
            None => self.span,
        }
    }

    /// A copy of a block with all its variables renamed; `names` grows by them.
    pub fn copy_block(&mut self, block: &Block, names: &mut VarMap<Var>) -> Block {
        let params: Vec<Var> = block.params.iter().map(|p| self.fresh_like(*p)).collect();
        names.extend(block.params.iter().copied().zip(params.iter().copied()));
        self.open();
        self.copy_steps(&block.steps, names);
        let results = block.results.iter().map(|v| named(names, *v)).collect();
        self.close(params, results)
    }

    /// Adds `op`, whose results have the types of `like` unless its own arguments say otherwise.
    pub fn rebuild(&mut self, op: Op, like: &[Var]) -> Vec<Var> {
        match op {
            Op::Prim(row, args) => vec![self.prim(row, &args)],
            Op::Spread { arg, shape, dims } => vec![self.spread(arg, shape, dims)],
            Op::Constant(literal) => vec![self.constant(literal)],
            Op::Reshape { arg, shape } => vec![self.reshape(arg, shape)],
            other => {
                let types = like.iter().map(|v| self.type_of(*v).clone()).collect();
                self.step(other, types)
            }
        }
    }

    // ---- constants ----

    pub fn constant(&mut self, literal: Literal) -> Var {
        self.one(Op::Constant(literal), Type::scalar(literal.scalar()))
    }

    pub fn real(&mut self, x: f64) -> Var {
        self.constant(Literal::Real(x))
    }

    pub fn int(&mut self, x: i64) -> Var {
        self.constant(Literal::Int(x))
    }

    pub fn bool(&mut self, x: bool) -> Var {
        self.constant(Literal::Bool(x))
    }

    /// The number `x` as `scalar` (a bool is true where x is not 0).
    pub fn number(&mut self, scalar: Scalar, x: f64) -> Var {
        self.constant(match scalar {
            Scalar::Real => Literal::Real(x),
            Scalar::F32 => Literal::F32(x as f32),
            Scalar::Int => Literal::Int(x as i64),
            Scalar::Bool => Literal::Bool(x != 0.0),
        })
    }

    /// `x` everywhere in a shape.
    pub fn full(&mut self, scalar: Scalar, shape: &[usize], x: f64) -> Var {
        let one = self.number(scalar, x);
        self.broadcast(one, shape)
    }

    pub fn zeros_like(&mut self, var: Var) -> Var {
        let ty = self.type_of(var).clone();
        self.full(ty.scalar, &ty.shape, 0.0)
    }

    pub fn table(&mut self, array: Array) -> Var {
        let ty = Type::new(array.scalar(), array.shape.clone());
        self.one(Op::Table(Arc::new(array)), ty)
    }

    pub fn iota(&mut self, n: usize) -> Var {
        self.one(Op::Iota(n), Type::new(Scalar::Int, [n]))
    }

    pub fn shift_table(&mut self, sizes: Vec<usize>, offset: Vec<i64>) -> Var {
        let sites = sizes.iter().product::<usize>();
        self.one(Op::ShiftTable { sizes, offset }, Type::new(Scalar::Int, [sites]))
    }

    // ---- elementwise ----

    /// Applies a row; scalars among the arguments are spread over the shape of the others.
    pub fn prim(&mut self, row: &'static Prim, args: &[Var]) -> Var {
        let widest = args.iter().map(|a| self.shape_of(*a)).max_by_key(|s| s.len());
        let shape = Shape::from_slice(widest.unwrap_or_default());
        if let Some(scalars) = self.scalars(args, &shape) {
            let once = self.prim(row, &scalars);
            return self.broadcast(once, &shape);
        }
        let args: Vars = args.iter().map(|a| self.broadcast(*a, &shape)).collect();
        let kinds: SmallVec<[Scalar; 4]> = args.iter().map(|a| self.scalar_of(*a)).collect();
        let Some(result) = row.result(&kinds) else { panic!("{} does not take {kinds:?}", row.name) };
        if let Some(known) = self.fold(row, &args) {
            return known;
        }
        self.one(Op::Prim(row, args), Type::new(result, shape))
    }

    /// For arguments that all repeat a scalar over `shape`, which is no scalar's, these scalars.
    fn scalars(&self, args: &[Var], shape: &[usize]) -> Option<Vec<Var>> {
        let scalar = |a: &Var| if self.shape_of(*a).is_empty() { Some(*a) } else { self.uniform(*a) };
        if shape.is_empty() { None } else { args.iter().map(scalar).collect() }
    }

    /// What `row` gives if that is already known.
    fn fold(&mut self, row: &'static Prim, args: &[Var]) -> Option<Var> {
        if let Run::Convert(to) = row.run
            && self.scalar_of(args[0]) == to
        {
            return Some(args[0]);
        }
        if let Some(kept) = self.neutral(row, args).or_else(|| self.signs(row, args)) {
            return Some(kept);
        }
        if !self.shape_of(args[0]).is_empty() {
            return None;
        }
        let literals = args.iter().map(|a| self.literal_of(*a)).collect::<Option<Vec<Literal>>>()?;
        let result = prim::evaluate(row, &literals)?;
        // What fails to be finite is left to the run, which tells where it came up.
        if !result.is_finite() && literals.iter().all(Literal::is_finite) {
            return None;
        }
        Some(self.constant(result))
    }

    /// `1 * x`, `x * 1`, `x / 1`, `true and x`: the argument that is the result.
    fn neutral(&mut self, row: &'static Prim, args: &[Var]) -> Option<Var> {
        let (left, right) = row.neutral?;
        let is = |builder: &Builder, var: Var, value: f64| match builder.uniform_literal(var) {
            Some(Literal::Real(x)) => x == value,
            Some(Literal::F32(x)) => x as f64 == value,
            Some(Literal::Int(x)) => x as f64 == value,
            Some(Literal::Bool(x)) => x == (value != 0.0),
            None => false,
        };
        if left.is_some_and(|value| is(self, args[0], value)) {
            return Some(args[1]);
        }
        if right.is_some_and(|value| is(self, args[1], value)) {
            return Some(args[0]);
        }
        None
    }

    /// `x + (-y)`, `x - (-y)`, `x * (-y)` with the sign drawn out, so that it meets its like and goes: exact, in every bit.
    fn signs(&mut self, row: &'static Prim, args: &[Var]) -> Option<Var> {
        use prim::arithmetic::{ADD, MUL, NEG, SUB};
        let is = |other: &'static Prim| std::ptr::eq(row, other);
        if !(is(&ADD) || is(&SUB) || is(&MUL)) {
            return None;
        }
        let positive = match &self.definition(args[1])?.op {
            Op::Prim(row, inner) if std::ptr::eq(*row, &NEG) => inner[0],
            _ => return None,
        };
        if is(&MUL) {
            let product = self.mul(args[0], positive);
            return Some(self.neg(product));
        }
        Some(if is(&ADD) { self.sub(args[0], positive) } else { self.add(args[0], positive) })
    }

    /// The literal that a value repeats everywhere, if it is one.
    pub fn uniform_literal(&self, var: Var) -> Option<Literal> {
        self.literal_of(var).or_else(|| self.literal_of(self.uniform(var)?))
    }

    /// The scalar that an array repeats everywhere, if it was made so.
    pub fn uniform(&self, var: Var) -> Option<Var> {
        self.known(var).uniform
    }

    pub fn call(&mut self, name: &str, args: &[Var]) -> Var {
        let row = prim::find(name).unwrap_or_else(|| panic!("no primitive is called {name}"));
        self.prim(row, args)
    }

    pub fn add(&mut self, a: Var, b: Var) -> Var {
        self.prim(&prim::arithmetic::ADD, &[a, b])
    }

    pub fn sub(&mut self, a: Var, b: Var) -> Var {
        self.prim(&prim::arithmetic::SUB, &[a, b])
    }

    pub fn mul(&mut self, a: Var, b: Var) -> Var {
        self.prim(&prim::arithmetic::MUL, &[a, b])
    }

    pub fn div(&mut self, a: Var, b: Var) -> Var {
        self.prim(&prim::arithmetic::DIV, &[a, b])
    }

    pub fn neg(&mut self, a: Var) -> Var {
        self.prim(&prim::arithmetic::NEG, &[a])
    }

    /// `condition` (a bool, scalar or of the same shape) ? a : b
    pub fn select(&mut self, condition: Var, a: Var, b: Var) -> Var {
        self.prim(&prim::arithmetic::SELECT, &[condition, a, b])
    }

    /// `x` times a number of its own kind.
    pub fn scale(&mut self, x: Var, factor: f64) -> Var {
        let factor = self.number(self.scalar_of(x), factor);
        self.mul(factor, x)
    }

    pub fn convert(&mut self, x: Var, to: Scalar) -> Var {
        self.prim(prim::arithmetic::conversion(to), &[x])
    }

    // ---- shapes ----

    /// A scalar spread over `shape`; anything that already has the shape stays as it is.
    pub fn broadcast(&mut self, arg: Var, shape: &[usize]) -> Var {
        if self.shape_of(arg) == shape {
            return arg;
        }
        assert!(self.shape_of(arg).is_empty(), "{:?} does not spread over {shape:?}", self.shape_of(arg));
        self.spread(arg, shape.to_vec(), vec![])
    }

    pub fn spread(&mut self, arg: Var, shape: Vec<usize>, dims: Vec<usize>) -> Var {
        let from = self.shape_of(arg);
        assert_eq!(from.len(), dims.len());
        assert!(from.iter().zip(&dims).all(|(n, d)| *n == shape[*d]), "{from:?} does not spread over {shape:?} by {dims:?}");
        if from == shape && dims.iter().enumerate().all(|(k, d)| k == *d) {
            return arg;
        }
        if let Some(Step { op: Op::Spread { arg: inner, dims: before, .. }, .. }) = self.definition(arg) {
            let dims = before.iter().map(|d| dims[*d]).collect();
            let inner = *inner;
            return self.spread(inner, shape, dims);
        }
        let ty = Type::new(self.scalar_of(arg), shape.clone());
        self.one(Op::Spread { arg, shape, dims }, ty)
    }

    /// `out`'s dimension k is `arg`'s dimension `order[k]`.
    pub fn transpose(&mut self, arg: Var, order: &[usize]) -> Var {
        let shape = order.iter().map(|k| self.shape_of(arg)[*k]).collect();
        let mut dims = vec![0; order.len()];
        for (to, from) in order.iter().enumerate() {
            dims[*from] = to;
        }
        self.spread(arg, shape, dims)
    }

    pub fn reshape(&mut self, arg: Var, shape: Vec<usize>) -> Var {
        let ty = self.type_of(arg);
        assert_eq!(ty.len(), shape.iter().product::<usize>());
        if ty.shape[..] == shape {
            return arg;
        }
        let ty = Type::new(ty.scalar, shape.clone());
        self.one(Op::Reshape { arg, shape }, ty)
    }

    pub fn reduce(&mut self, monoid: Monoid, arg: Var, dims: Vec<usize>) -> Var {
        if dims.is_empty() {
            return arg;
        }
        assert!(dims.windows(2).all(|w| w[0] < w[1]));
        let ty = self.type_of(arg);
        let shape: Vec<usize> = (0..ty.rank()).filter(|d| !dims.contains(d)).map(|d| ty.shape[d]).collect();
        let ty = Type::new(ty.scalar, shape);
        self.one(Op::Reduce { monoid, arg, dims }, ty)
    }

    pub fn sum(&mut self, arg: Var, dims: Vec<usize>) -> Var {
        self.reduce(Monoid::Sum, arg, dims)
    }

    pub fn sum_all(&mut self, arg: Var) -> Var {
        let dims = (0..self.type_of(arg).rank()).collect();
        self.sum(arg, dims)
    }

    pub fn shift(&mut self, arg: Var, dim: usize, sizes: Vec<usize>, offset: Vec<i64>) -> Var {
        assert_eq!(self.shape_of(arg)[dim], sizes.iter().product::<usize>());
        assert_eq!(sizes.len(), offset.len());
        if offset.iter().zip(&sizes).all(|(o, n)| o.rem_euclid(*n as i64) == 0) {
            return arg;
        }
        let ty = self.type_of(arg).clone();
        self.one(Op::Shift { arg, dim, sizes, offset }, ty)
    }

    pub fn around(&mut self, arg: Var, dim: usize, sizes: Vec<usize>, shape: Vec<usize>, offsets: Vec<Vec<i64>>) -> Var {
        let mut out = self.shape_of(arg).to_vec();
        assert_eq!((out[dim], offsets.len()), (sizes.iter().product(), shape.iter().product()));
        assert!(offsets.iter().all(|offset| offset.len() == sizes.len()));
        out.splice(dim + 1..dim + 1, shape.iter().copied());
        let ty = Type::new(self.scalar_of(arg), out);
        self.one(Op::Around { arg, dim, sizes, shape, offsets }, ty)
    }

    pub fn slice(&mut self, arg: Var, start: Vec<usize>, stride: Vec<usize>, shape: Vec<usize>) -> Var {
        let from = self.shape_of(arg);
        for d in 0..from.len() {
            assert!(shape[d] == 0 || start[d] + (shape[d] - 1) * stride[d] < from[d]);
        }
        if from == shape {
            return arg;
        }
        let ty = Type::new(self.scalar_of(arg), shape.clone());
        self.one(Op::Slice { arg, start, stride, shape }, ty)
    }

    /// Entries `from..to` of one dimension.
    pub fn part(&mut self, arg: Var, dim: usize, from: usize, to: usize) -> Var {
        let mut shape = self.shape_of(arg).to_vec();
        let mut start = vec![0; shape.len()];
        let stride = vec![1; shape.len()];
        (start[dim], shape[dim]) = (from, to - from);
        self.slice(arg, start, stride, shape)
    }

    /// Entry `k` of one dimension, which goes away.
    pub fn pick(&mut self, arg: Var, dim: usize, k: usize) -> Var {
        let part = self.part(arg, dim, k, k + 1);
        let mut shape = self.shape_of(part).to_vec();
        shape.remove(dim);
        self.reshape(part, shape)
    }

    pub fn embed(&mut self, arg: Var, shape: Vec<usize>, start: Vec<usize>, stride: Vec<usize>) -> Var {
        if self.shape_of(arg) == shape {
            return arg;
        }
        let ty = Type::new(self.scalar_of(arg), shape.clone());
        self.one(Op::Embed { arg, shape, start, stride }, ty)
    }

    pub fn concat(&mut self, args: Vec<Var>, dim: usize) -> Var {
        if let [only] = args[..] {
            return only;
        }
        let mut ty = self.type_of(args[0]).clone();
        ty.shape[dim] = args.iter().map(|a| self.shape_of(*a)[dim]).sum();
        self.one(Op::Concat { args, dim }, ty)
    }

    /// Values of one type along a new dimension 0.
    pub fn stack(&mut self, args: &[Var]) -> Var {
        let rows = args
            .iter()
            .map(|a| {
                let mut shape = self.shape_of(*a).to_vec();
                shape.insert(0, 1);
                self.reshape(*a, shape)
            })
            .collect();
        self.concat(rows, 0)
    }

    // ---- positions that are computed ----

    pub fn gather(&mut self, arg: Var, index: Vec<Var>, checked: bool) -> Var {
        if index.is_empty() {
            return arg;
        }
        let mut shape = self.shape_of(index[0]).to_vec();
        assert!(index.iter().all(|i| self.shape_of(*i) == shape && self.scalar_of(*i) == Scalar::Int));
        shape.extend_from_slice(&self.shape_of(arg)[index.len()..]);
        let ty = Type::new(self.scalar_of(arg), shape);
        self.one(Op::Gather { arg, index, checked }, ty)
    }

    pub fn scatter(&mut self, shape: Vec<usize>, index: Vec<Var>, values: Var) -> Var {
        let ty = Type::new(self.scalar_of(values), shape.clone());
        self.one(Op::Scatter { shape, index, values }, ty)
    }

    pub fn update(&mut self, arg: Var, index: Vec<Var>, value: Var, checked: bool) -> Var {
        let ty = self.type_of(arg).clone();
        assert_eq!(&ty.shape[index.len()..], self.shape_of(value));
        assert_eq!(ty.scalar, self.scalar_of(value));
        self.one(Op::Update { arg, index, value, checked }, ty)
    }

    // ---- products and noise ----

    pub fn contract(&mut self, left: Var, right: Var, mut batch: Vec<(usize, usize)>, mut sum: Vec<(usize, usize)>) -> Var {
        let left = self.untransposed(left, &mut batch, &mut sum, |pair| &mut pair.0);
        let right = self.untransposed(right, &mut batch, &mut sum, |pair| &mut pair.1);
        let (l, r) = (self.shape_of(left).to_vec(), self.shape_of(right).to_vec());
        assert!(batch.iter().chain(&sum).all(|(a, b)| l[*a] == r[*b]));
        let mut shape: Vec<usize> = batch.iter().map(|(a, _)| l[*a]).collect();
        let used = |k: usize, side: fn(&(usize, usize)) -> usize| batch.iter().chain(&sum).any(|p| side(p) == k);
        shape.extend((0..l.len()).filter(|k| !used(*k, |p| p.0)).map(|k| l[k]));
        shape.extend((0..r.len()).filter(|k| !used(*k, |p| p.1)).map(|k| r[k]));
        let ty = Type::new(self.scalar_of(left), shape);
        self.one(Op::Contract { left, right, batch, sum }, ty)
    }

    /// What an operand of a contraction is a transpose of, with the pairs of its dimensions named anew, if its free dimensions keep
    /// their order.
    fn untransposed(
        &self,
        operand: Var,
        batch: &mut [(usize, usize)],
        sum: &mut [(usize, usize)],
        side: fn(&mut (usize, usize)) -> &mut usize,
    ) -> Var {
        let Some(Step { op: Op::Spread { arg, dims, .. }, .. }) = self.definition(operand) else { return operand };
        let paired: Vec<usize> = batch.iter_mut().chain(&mut *sum).map(|pair| *side(pair)).collect();
        let free: Vec<usize> = dims.iter().copied().filter(|d| !paired.contains(d)).collect();
        if dims.len() != self.shape_of(operand).len() || !free.is_sorted() {
            return operand;
        }
        for pair in batch.iter_mut().chain(sum) {
            let d = side(pair);
            *d = dims.iter().position(|to| to == d).expect("a dimension of the operand");
        }
        *arg
    }

    /// A routine's results for each of the members that the `batch` leading dimensions count.
    pub fn routine(&mut self, routine: &'static Routine, batch: usize, args: Vec<Var>) -> Vec<Var> {
        let types: Vec<Type> = args.iter().map(|a| self.type_of(*a).clone()).collect();
        let results = routine.results(batch, &types).unwrap_or_else(|why| panic!("{}: {why}", routine.name));
        self.step(Op::Routine { routine, batch, args }, results)
    }

    pub fn draw(
        &mut self,
        distribution: Distribution,
        scalar: Scalar,
        place: u64,
        turns: Vec<Var>,
        position: Var,
        shape: Vec<usize>,
    ) -> Var {
        let mut full = self.shape_of(position).to_vec();
        full.extend_from_slice(&shape);
        self.one(Op::Draw { distribution, scalar, place, turns, position, shape }, Type::new(scalar, full))
    }

    // ---- regions ----

    /// `body` gets the turn's number and the carried values, and returns the new ones.
    pub fn for_loop(&mut self, count: Var, init: Vec<Var>, body: impl FnOnce(&mut Builder, Var, &[Var]) -> Vec<Var>) -> Vec<Var> {
        let types: Vec<Type> = init.iter().map(|v| self.type_of(*v).clone()).collect();
        let turn = self.fresh(Type::scalar(Scalar::Int));
        let carried: Vec<Var> = types.iter().map(|t| self.fresh(t.clone())).collect();
        self.open();
        let results = body(self, turn, &carried);
        let params = [vec![turn], carried].concat();
        let body = self.close(params, results);
        self.loop_with(count, init, body)
    }

    /// A loop whose body is already a block.
    pub fn loop_with(&mut self, count: Var, init: Vec<Var>, body: Block) -> Vec<Var> {
        let types: Vec<Type> = init.iter().map(|v| self.type_of(*v).clone()).collect();
        let found: Vec<Type> = body.results.iter().map(|v| self.type_of(*v).clone()).collect();
        assert_eq!(types, found, "a loop carries other types than it begins with");
        self.step(Op::Loop { count, init, body: body.into() }, types)
    }

    pub fn while_with(&mut self, init: Vec<Var>, condition: Block, body: Block) -> Vec<Var> {
        let types: Vec<Type> = init.iter().map(|v| self.type_of(*v).clone()).collect();
        self.step(Op::While { init, condition: condition.into(), body: body.into() }, types)
    }

    pub fn if_with(&mut self, condition: Var, then: Block, otherwise: Block) -> Vec<Var> {
        let types: Vec<Type> = then.results.iter().map(|v| self.type_of(*v).clone()).collect();
        let other: Vec<Type> = otherwise.results.iter().map(|v| self.type_of(*v).clone()).collect();
        assert_eq!(types, other, "branches of different types");
        self.step(Op::If { condition, then: then.into(), otherwise: otherwise.into() }, types)
    }

    pub fn if_else(
        &mut self,
        condition: Var,
        then: impl FnOnce(&mut Builder) -> Vec<Var>,
        otherwise: impl FnOnce(&mut Builder) -> Vec<Var>,
    ) -> Vec<Var> {
        self.open();
        let results = then(self);
        let then = self.close(vec![], results);
        self.open();
        let results = otherwise(self);
        let otherwise = self.close(vec![], results);
        self.if_with(condition, then, otherwise)
    }

    /// `body` gets the member's number.
    pub fn map(&mut self, count: usize, body: impl FnOnce(&mut Builder, Var) -> Vec<Var>) -> Vec<Var> {
        let member = self.fresh(Type::scalar(Scalar::Int));
        self.open();
        let results = body(self, member);
        let body = self.close(vec![member], results);
        self.map_with(count, Tile::ONE, body)
    }

    pub fn map_with(&mut self, count: usize, each: Tile, body: Block) -> Vec<Var> {
        let types = body
            .results
            .iter()
            .map(|v| {
                let ty = self.type_of(*v);
                Type::new(ty.scalar, [&[count][..], &ty.shape].concat())
            })
            .collect();
        self.step(Op::Map { count, each, body: body.into() }, types)
    }

    pub fn require(&mut self, condition: Var, message: impl Into<String>) {
        self.step(Op::Require { condition, message: message.into() }, vec![]);
    }

    pub fn note(&mut self, shown: Vec<Shown>) {
        self.step(Op::Note { shown }, vec![]);
    }
}

/// Notes from what each result of a step comes, but for `detach`, and all that is computed in its regions.
fn add_sources(step: &Step, sources: &mut VarMap<Vec<Var>>) {
    match &step.op {
        Op::Prim(row, _) if std::ptr::eq(*row, &prim::arithmetic::DETACH) => {}
        Op::Loop { init, body, .. } | Op::While { init, body, .. } => {
            for (k, out) in step.outs.iter().enumerate() {
                let from = vec![init[k], body.results[k]];
                sources.insert(body.params[k + 1], from.clone());
                sources.insert(*out, from);
            }
        }
        Op::If { then, otherwise, .. } => {
            for (k, out) in step.outs.iter().enumerate() {
                sources.insert(*out, vec![then.results[k], otherwise.results[k]]);
            }
        }
        Op::Map { body, .. } => {
            for (k, out) in step.outs.iter().enumerate() {
                sources.insert(*out, vec![body.results[k]]);
            }
        }
        op => step.outs.iter().for_each(|out| drop(sources.insert(*out, op.args().to_vec()))),
    }
    for block in step.op.blocks() {
        block.steps.iter().for_each(|step| add_sources(step, sources));
    }
}
