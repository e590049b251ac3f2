//! Python's names that a pickle can run code with.

/// Modules none of whose names belongs into a checkpoint; theirs are all their submodules' too.
const MODULES: [&str; 42] = [
    "_posixsubprocess",
    "asyncio",
    "bdb",
    "code",
    "codeop",
    "commands",
    "ctypes",
    "distutils",
    "ensurepip",
    "ftplib",
    "http",
    "importlib",
    "inspect",
    "io",
    "marshal",
    "multiprocessing",
    "nt",
    "ntpath",
    "operator",
    "os",
    "pdb",
    "pickle",
    "pip",
    "pkgutil",
    "platform",
    "posix",
    "pty",
    "pydoc",
    "requests",
    "runpy",
    "shutil",
    "signal",
    "site",
    "smtplib",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "timeit",
    "urllib",
    "webbrowser",
];

/// Names of otherwise harmless modules.
const NAMES: [&str; 9] = [
    "codecs.open",
    "numpy.testing._private.utils.runstring",
    "torch.hub.load",
    "torch.jit._script.unpackage_script_module",
    "torch.load",
    "torch.serialization.load",
    "torch.storage._load_from_bytes",
    "types.CodeType",
    "types.FunctionType",
];

/// The built-in names that make data and nothing else.
const BUILTINS: [&str; 15] = [
    "Ellipsis",
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "object",
    "range",
    "set",
    "slice",
    "tuple",
];

/// Whether a name could run code if it were called.
pub(super) fn is_dangerous(module: &str, name: &str) -> bool {
    let whole = format!("{module}.{name}");
    if matches!(module, "builtins" | "__builtin__" | "__builtins__") {
        return !BUILTINS.contains(&name) && !matches!(name, "str" | "unicode" | "long");
    }
    let is_or_holds = |danger: &str| {
        let rest = whole.strip_prefix(danger);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    MODULES.iter().any(|danger| is_or_holds(danger)) || NAMES.contains(&whole.as_str())
}

#[cfg(test)]
mod tests {
    use super::is_dangerous;

    #[test]
    fn what_runs_code_is_told_from_what_makes_data() {
        for (module, name) in [
            ("os", "system"),
            ("posix", "system"),
            ("builtins", "eval"),
            ("__builtin__", "getattr"),
            ("os.path", "join"),
            ("subprocess", "Popen"),
            ("torch.storage", "_load_from_bytes"),
        ] {
            assert!(is_dangerous(module, name), "{module}.{name}");
        }
        for (module, name) in [
            ("argparse", "Namespace"),
            ("builtins", "set"),
            ("collections", "OrderedDict"),
            ("torch._utils", "_rebuild_tensor_v2"),
            ("osmnx", "Graph"),
            ("pathlib", "PosixPath"),
            ("omegaconf.dictconfig", "DictConfig"),
        ] {
            assert!(!is_dangerous(module, name), "{module}.{name}");
        }
    }
}
