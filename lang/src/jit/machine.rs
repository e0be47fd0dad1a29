//! Kernels as machine code in memory. The only owner of that memory.

use super::{portable, wide};
use super::kernel::Kernel;
use cranelift::codegen::Context;
use cranelift::codegen::ir::{AbiParam, types};
use cranelift::codegen::settings::{self, Configurable};
use cranelift::prelude::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use moyal_runtime::simd::Level;
use cranelift_module::{Linkage, Module, default_libcall_names};

/// `(pointers, from, to)`
pub type Function = unsafe extern "C" fn(*const *mut u8, i64, i64);

pub struct Code {
    pub functions: Vec<Function>,
    module: Option<JITModule>,
}

// The code is never written after it is made.
unsafe impl Send for Code {}
unsafe impl Sync for Code {}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // Nobody else holds the functions: they are called through `Code` only.
            unsafe { module.free_memory() };
        }
    }
}

/// Compiles kernels for this machine: those that have lanes with the vectors of `level`, the others by Cranelift.
pub fn compile(kernels: &[Kernel], level: Level) -> Result<Code, String> {
    if kernels.is_empty() {
        return Ok(Code { functions: vec![], module: None });
    }
    let mut flags = settings::builder();
    for (name, value) in [("use_colocated_libcalls", "false"), ("is_pic", "false"), ("opt_level", "speed"), ("enable_verifier", "false")] {
        flags.set(name, value).map_err(|e| e.to_string())?;
    }
    let isa = cranelift_native::builder()?.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())?;
    let mut module = JITModule::new(JITBuilder::with_isa(isa, default_libcall_names()));
    let mut context = Context::new();
    let mut builders = FunctionBuilderContext::new();
    let pointer = module.target_config().pointer_type();
    let mut declared = vec![];
    for (k, kernel) in kernels.iter().enumerate() {
        let name = format!("kernel {k}");
        let mut signature = module.make_signature();
        signature.params = vec![AbiParam::new(pointer), AbiParam::new(types::I64), AbiParam::new(types::I64)];
        let id = module.declare_function(&name, Linkage::Export, &signature).map_err(|e| e.to_string())?;
        declared.push(id);
        if let Some(bytes) = wide::kernel(kernel, level) {
            module.define_function_bytes(id, 16, &bytes?, &[]).map_err(|e| e.to_string())?;
            continue;
        }
        context.func.signature = signature;
        let mut b = FunctionBuilder::new(&mut context.func, &mut builders);
        portable::kernel(&mut b, kernel, pointer);
        b.seal_all_blocks();
        b.finalize(module.target_config());
        module.define_function(id, &mut context).map_err(|e| format!("{e:?}"))?;
        module.clear_context(&mut context);
    }
    module.finalize_definitions().map_err(|e| e.to_string())?;
    let functions = declared
        .into_iter()
        .map(|id| {
            let address = module.get_finalized_function(id);
            // A function with the signature that was declared above.
            unsafe { std::mem::transmute::<*const u8, Function>(address) }
        })
        .collect();
    Ok(Code { functions, module: Some(module) })
}
