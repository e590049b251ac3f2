//! Every op's CPU version against its oracle, at each SIMD level of this machine.

use mimlet_kernels::{Level, OPS};

#[test]
fn every_cpu_version_agrees_with_its_oracle() {
    for op in OPS {
        for case in (op.cases)() {
            for (level, outputs) in &case.cpu {
                for (output, actual) in case.outputs.iter().zip(outputs) {
                    if let Err(message) = output.expected.compare(actual, output.cpu) {
                        panic!("{} {} at {}: {message}", op.name, case.name, level.name());
                    }
                }
            }
        }
    }
}

/// The promise that lets a device with other instructions give the same tokens.
#[test]
fn every_simd_level_gives_the_same_bits() {
    for op in OPS {
        for case in (op.cases)() {
            for (level, outputs) in &case.cpu {
                let alike = |other: &Level| other.fuses() == level.fuses() || !case.fuses;
                let first = case.cpu.iter().find(|(other, _)| alike(other));
                let (_, first) = first.expect("a level is like itself");
                for (first, other) in first.iter().zip(outputs) {
                    assert_eq!(
                        first.bytes(),
                        other.bytes(),
                        "{} {} {}",
                        op.name,
                        case.name,
                        level.name()
                    );
                }
            }
        }
    }
}

#[test]
fn every_case_names_a_buffer_per_binding_and_writes_each_writable_one() {
    for op in OPS {
        for case in (op.cases)() {
            assert_eq!(
                case.buffers.len(),
                op.kernel.bindings.len(),
                "{} {}",
                op.name,
                case.name
            );
            for (level, outputs) in &case.cpu {
                assert_eq!(
                    outputs.len(),
                    case.outputs.len(),
                    "{} {}",
                    op.name,
                    level.name()
                );
            }
        }
    }
}
