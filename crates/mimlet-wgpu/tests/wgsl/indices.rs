//! What a kernel's code reaches by a computed index, and what it divides by. No kernel is to rely on wgpu's own
//! checks, which would replace an index or a quotient by another: what is computed indexes nothing but what is
//! bound and workgroup memory, and divisors are constants other than zero.

use super::inspect::{dispatches, module};
use mimlet_kernels::{OPS, WgslKernel};
use naga::back::PipelineConstants;
use naga::back::pipeline_constants::process_overrides;
use naga::valid::{FunctionInfo, ModuleInfo};
use naga::{
    AddressSpace, BinaryOperator, Expression, Function, Handle, Literal, Module, ScalarKind,
};

/// A function of a module, with what is known of its expressions.
struct Body<'m> {
    module: &'m Module,
    function: &'m Function,
    info: &'m FunctionInfo,
}

/// Everything in a kernel, called with these constants, that wgpu would have to check.
fn faults(kernel: &WgslKernel, constants: &[(&'static str, f64)]) -> Vec<String> {
    let (module, info) = module(kernel).expect("valid");
    let constants: PipelineConstants = constants
        .iter()
        .map(|&(name, value)| (name.into(), value))
        .collect();
    match process_overrides(&module, &info, None, &constants) {
        Ok((module, info)) => bodies(&module, &info)
            .flat_map(|body| body.faults())
            .collect(),
        // naga finds a constant that is divided by zero.
        Err(error) => vec![error.to_string()],
    }
}

fn bodies<'m>(module: &'m Module, info: &'m ModuleInfo) -> impl Iterator<Item = Body<'m>> {
    let functions = module.functions.iter();
    let functions = functions.map(|(handle, function)| (function, &info[handle]));
    let entries = module.entry_points.iter().enumerate();
    let entries = entries.map(|(index, entry)| (&entry.function, info.get_entry_point(index)));
    functions.chain(entries).map(|(function, info)| Body {
        module,
        function,
        info,
    })
}

impl Body<'_> {
    fn faults(&self) -> Vec<String> {
        let expressions = self.function.expressions.iter();
        let faults = expressions.filter_map(|(handle, expression)| match *expression {
            Expression::Access { base, index } if !self.is_shared(base) => Some(format!(
                "{index:?} of {handle:?} indexes something of its own"
            )),
            Expression::Binary { op, left, right } => self.division(op, left, right),
            _ => None,
        });
        faults.collect()
    }

    /// Whether what is indexed is bound, or workgroup memory.
    fn is_shared(&self, base: Handle<Expression>) -> bool {
        match self.function.expressions[base] {
            Expression::Access { base, .. } | Expression::AccessIndex { base, .. } => {
                self.is_shared(base)
            }
            Expression::GlobalVariable(variable) => matches!(
                self.module.global_variables[variable].space,
                AddressSpace::Storage { .. } | AddressSpace::WorkGroup
            ),
            _ => false,
        }
    }

    fn division(
        &self,
        op: BinaryOperator,
        left: Handle<Expression>,
        right: Handle<Expression>,
    ) -> Option<String> {
        let divides = matches!(op, BinaryOperator::Divide | BinaryOperator::Modulo);
        let kind = self.info[left]
            .ty
            .inner_with(&self.module.types)
            .scalar_kind();
        match kind {
            Some(ScalarKind::Uint) if divides => match self.value(right) {
                Some(0) => Some(format!("{left:?} is divided by zero")),
                Some(_) => None,
                None => Some(format!("{left:?} is divided by something computed")),
            },
            Some(ScalarKind::Sint) if divides => Some(format!("{left:?} is signed and divided")),
            _ => None,
        }
    }

    /// A whole number that constants alone come to; of a vector whose components are one number, that.
    fn value(&self, handle: Handle<Expression>) -> Option<u32> {
        match self.function.expressions[handle] {
            Expression::Literal(Literal::U32(value)) => Some(value),
            Expression::Constant(constant) => {
                match self.module.global_expressions[self.module.constants[constant].init] {
                    Expression::Literal(Literal::U32(value)) => Some(value),
                    _ => None,
                }
            }
            Expression::Splat { value, .. } => self.value(value),
            Expression::Binary { op, left, right } => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                match op {
                    BinaryOperator::Add => left.checked_add(right),
                    BinaryOperator::Subtract => left.checked_sub(right),
                    BinaryOperator::Multiply => left.checked_mul(right),
                    BinaryOperator::Divide => left.checked_div(right),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

#[test]
fn every_kernel_indexes_what_is_bound_and_divides_by_constants() {
    for op in OPS {
        for (case, dispatch) in dispatches(op) {
            let faults = faults(dispatch.kernel, &dispatch.call.constants);
            let name = dispatch.kernel.name;
            assert!(faults.is_empty(), "{name} {case}:\n{}", faults.join("\n"));
        }
    }
}

#[test]
fn an_index_or_a_divisor_of_another_kind_is_found() {
    let good = "
        override LEN: u32;
        const TILE: u32 = 16u;
        @group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
        var<workgroup> held: array<f32, 16>;
        var<private> start: u32;
        @compute @workgroup_size(16)
        fn main(@builtin(local_invocation_index) lane: u32) {
            var own = vec4<f32>();
            let columns = LEN / TILE * 4u;
            let at = lane / columns + lane % LEN;
            held[at] = own.y / own.x;
            x[at][lane % 4u] = held[at];
        }";
    let of = |source: &str, len: f64| {
        let source: &'static str = Box::leak(source.to_owned().into_boxed_str());
        let kernel = WgslKernel {
            name: "planted",
            source,
            workgroup_size: [16, 1, 1],
            workgroup_bytes: 64,
            bindings: &[],
        };
        faults(&kernel, &[("LEN", len)]).len()
    };
    assert_eq!(of(good, 64.0), 0);
    assert_eq!(of(good, 8.0), 1, "columns are none");
    for (from, to) in [
        ("held[at] = own.y", "held[at] = own[at]"),
        ("own.y / own.x", "f32(lane / start)"),
        ("own.y / own.x", "f32(lane % (LEN - 64u))"),
        ("own.y / own.x", "f32(i32(lane) / 4)"),
        ("own.y / own.x", "f32(lane % u32(own.x))"),
    ] {
        assert_eq!(of(&good.replace(from, to), 64.0), 1, "{to}");
    }
}
