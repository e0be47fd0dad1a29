//! Kernels as machine code in memory. The only owner of that memory.
//!
//! Programs are full of equal kernels (sums of squares, windows of an error), so a kernel whose code is in memory already is not
//! compiled again, whichever program it was made for. Code is freed with the last program that calls it.

use super::kernel::{Kernel, Key};
use super::{portable, wide};
use crate::core::Hashing;
use cranelift::codegen::Context;
use cranelift::codegen::control::ControlPlane;
use cranelift::codegen::ir::{AbiParam, types};
use cranelift::codegen::isa::OwnedTargetIsa;
use cranelift::codegen::settings::{self, Configurable};
use cranelift::prelude::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleReloc, default_libcall_names};
use moyal_runtime::simd::Level;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, Weak};

/// `(pointers, from, to)`
pub type Function = unsafe extern "C" fn(*const *mut u8, i64, i64);

/// The code of a program's kernels.
pub struct Code {
    pub functions: Vec<Function>,
    /// Where they lie.
    _memory: Vec<Arc<Memory>>,
}

/// Memory that holds the code of some kernels.
struct Memory {
    module: Option<JITModule>,
    kernels: Vec<Place>,
}

/// What code is for, and whether it was written quickly.
type Place = (Level, Key, bool);

/// The code in memory.
static KNOWN: LazyLock<Mutex<HashMap<Place, (Weak<Memory>, Function), Hashing>>> = LazyLock::new(Mutex::default);

// The code is never written after it is made.
unsafe impl Send for Memory {}
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        let mut known = KNOWN.lock().expect("no panic holds it");
        for kernel in &self.kernels {
            // The same kernel may have been compiled twice at one time.
            if known.get(kernel).is_some_and(|(memory, _)| std::ptr::eq(memory.as_ptr(), self)) {
                known.remove(kernel);
            }
        }
        drop(known);
        if let Some(module) = self.module.take() {
            // Nobody else holds the functions: they are called through `Code` only.
            unsafe { module.free_memory() };
        }
    }
}

/// How many kernels have their code in memory.
pub fn kernels() -> usize {
    KNOWN.lock().expect("no panic holds it").len()
}

/// Compiles kernels for this machine: those that have lanes with the vectors of `level`, the others by Cranelift.
pub fn compile(kernels: &[Kernel], level: Level) -> Result<Code, String> {
    let keys: Vec<Place> = kernels.iter().map(|kernel| (level, kernel.key(), kernel.once)).collect();
    let mut functions: Vec<Option<Function>> = vec![None; kernels.len()];
    let mut held: HashMap<*const Memory, Arc<Memory>> = HashMap::new();
    let known = KNOWN.lock().expect("no panic holds it");
    for (function, key) in functions.iter_mut().zip(&keys) {
        let good = key.2.then(|| known.get(&(key.0, key.1.clone(), false))).flatten();
        if let Some((memory, found)) = good.or_else(|| known.get(key))
            && let Some(memory) = memory.upgrade()
        {
            *function = Some(*found);
            held.insert(Arc::as_ptr(&memory), memory);
        }
    }
    drop(known);
    // The first of each that is not known.
    let mut new: HashMap<&Place, usize, Hashing> = HashMap::default();
    for k in (0..kernels.len()).rev().filter(|k| functions[*k].is_none()) {
        new.insert(&keys[k], k);
    }
    let mut order: Vec<usize> = new.values().copied().collect();
    order.sort_unstable();
    if !order.is_empty() {
        let (memory, made) = compiled(kernels, &keys, &order, level)?;
        for k in 0..kernels.len() {
            if functions[k].is_none() {
                let at = order.binary_search(&new[&keys[k]]).expect("the first of each is compiled");
                functions[k] = Some(made[at]);
            }
        }
        held.insert(Arc::as_ptr(&memory), memory);
    }
    Ok(Code { functions: functions.into_iter().flatten().collect(), _memory: held.into_values().collect() })
}

/// The code of the kernels of these numbers.
fn compiled(kernels: &[Kernel], keys: &[Place], which: &[usize], level: Level) -> Result<(Arc<Memory>, Vec<Function>), String> {
    let mut module = JITModule::new(JITBuilder::with_isa(machine(false)?, default_libcall_names()));
    let mut context = Context::new();
    let mut builders = FunctionBuilderContext::new();
    let declared = which.iter().map(|k| define(&mut module, &mut context, &mut builders, &kernels[*k], level));
    let declared = declared.collect::<Result<Vec<FuncId>, String>>()?;
    module.finalize_definitions().map_err(|e| e.to_string())?;
    let address = |id: FuncId| module.get_finalized_function(id);
    // Functions with the signature that `define` declares.
    let functions: Vec<Function> = declared.into_iter().map(|id| unsafe { std::mem::transmute::<*const u8, Function>(address(id)) }).collect();
    let names: Vec<Place> = which.iter().map(|k| keys[*k].clone()).collect();
    let memory = Arc::new(Memory { module: Some(module), kernels: names.clone() });
    let weak = functions.iter().map(|f| (Arc::downgrade(&memory), *f));
    KNOWN.lock().expect("no panic holds it").extend(names.into_iter().zip(weak));
    Ok((memory, functions))
}

fn define(
    module: &mut JITModule,
    context: &mut Context,
    builders: &mut FunctionBuilderContext,
    kernel: &Kernel,
    level: Level,
) -> Result<FuncId, String> {
    let pointer = module.target_config().pointer_type();
    let mut signature = module.make_signature();
    signature.params = vec![AbiParam::new(pointer), AbiParam::new(types::I64), AbiParam::new(types::I64)];
    let id = module.declare_anonymous_function(&signature).map_err(|e| e.to_string())?;
    if let Some(bytes) = wide::kernel(kernel, level) {
        module.define_function_bytes(id, 16, &bytes?, &[]).map_err(|e| e.to_string())?;
        return Ok(id);
    }
    context.func.signature = signature;
    let mut b = FunctionBuilder::new(&mut context.func, builders);
    portable::kernel(&mut b, kernel, pointer);
    b.seal_all_blocks();
    b.finalize(module.target_config());
    if kernel.once {
        context.compile(&*machine(true)?, &mut ControlPlane::default()).map_err(|e| format!("{:?}", e.inner))?;
        let code = context.compiled_code().expect("just compiled");
        let calls: Vec<ModuleReloc> = code.buffer.relocs().iter().map(|r| ModuleReloc::from_mach_reloc(r, &context.func, id)).collect();
        module.define_function_bytes(id, code.buffer.alignment as u64, code.code_buffer(), &calls).map_err(|e| e.to_string())?;
    } else {
        module.define_function(id, context).map_err(|e| format!("{e:?}"))?;
    }
    module.clear_context(context);
    Ok(id)
}

/// The machine that Cranelift writes for, well or quickly.
fn machine(quickly: bool) -> Result<OwnedTargetIsa, String> {
    static MACHINES: [OnceLock<Result<OwnedTargetIsa, String>>; 2] = [OnceLock::new(), OnceLock::new()];
    let found = || {
        let mut flags = settings::builder();
        let quality = if quickly { [("opt_level", "none"), ("regalloc_algorithm", "single_pass")] } else { [("opt_level", "speed"), ("regalloc_algorithm", "backtracking")] };
        for (name, value) in [("use_colocated_libcalls", "false"), ("is_pic", "false"), ("enable_verifier", "false")].into_iter().chain(quality) {
            flags.set(name, value).map_err(|e| e.to_string())?;
        }
        cranelift_native::builder()?.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())
    };
    MACHINES[quickly as usize].get_or_init(found).clone()
}
