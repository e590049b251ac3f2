//! Pickles that would do harm elsewhere: with code, without end, or of nothing known.

use crate::files::{Tensor, archive, archive_by, dict, f32_bytes, int, pickle, refusal, text};

/// What an archive with this pickle is refused with.
fn refused(bytes: &[u8]) -> String {
    refusal("evil.pth", &archive(bytes, &[&f32_bytes(&[0.0; 6])]))
}

#[test]
fn code_is_refused_by_name_and_not_run() {
    let marker = std::env::temp_dir().join(format!("mimlet-ran-{}", std::process::id()));
    let command = format!("touch {}", marker.display());
    let call = |name: &[u8]| [name, b"(", &text(&command), b"tR"].concat();
    let stacked = [text("builtins"), text("eval"), b"\x93".to_vec()].concat();
    let instance = [b"(".to_vec(), text(&command), b"ios\nsystem\n".to_vec()].concat();
    for (value, name) in [
        (call(b"cos\nsystem\n"), "os.system"),
        (call(b"cposix\nsystem\n"), "posix.system"),
        (call(b"csubprocess\nPopen\n"), "subprocess.Popen"),
        (call(b"c__builtin__\nexec\n"), "__builtin__.exec"),
        (call(b"ctorch.hub\nload\n"), "torch.hub.load"),
        (call(&stacked), "builtins.eval"),
        (instance, "os.system"),
    ] {
        // Beside a sound tensor, which a loader would have given.
        let root = dict(&[("w", Tensor::PLAIN.pickled()), ("x", value)]);
        let text = refused(&pickle(&root));
        assert!(
            text.contains(name) && text.contains("nothing was run"),
            "{text}"
        );
        assert!(text.contains("safetensors"), "{text}");
    }
    assert!(!marker.exists());
}

#[test]
fn compressed_archives_are_refused_before_they_grow() {
    let zeros = vec![0; 64 << 20];
    let whole = pickle(&dict(&[("w", Tensor::PLAIN.pickled())]));
    let bomb = archive_by(zip::CompressionMethod::Deflated, &whole, &[&zeros]);
    assert!(bomb.len() < 1 << 20);
    assert!(refusal("bomb.pth", &bomb).contains("compressed"));
}

#[test]
fn pickles_without_end_are_refused() {
    // A dictionary of twice the next, 60 times.
    let mut doubled = Tensor::PLAIN.pickled();
    for level in 0..60_u8 {
        let twice = [
            vec![b'q', level],
            b"0}(".to_vec(),
            text("a"),
            vec![b'h', level],
            text("b"),
        ];
        doubled.extend([twice.concat(), vec![b'h', level, b'u']].concat());
    }
    assert!(refused(&pickle(&doubled)).contains("nest deeper"));
    let many = pickle(&[b'}'; 2 << 20]);
    assert!(refused(&many).contains("objects"));
    let deep = pickle(&[&[b'('; 200_000][..], &[b't'; 200_000]].concat());
    assert!(refused(&deep).contains("no tensors"));
    // A long list copied over and over.
    let list = [
        b"](".to_vec(),
        [b"]]\x86".as_slice(); 9].concat(),
        b"eq\x00".to_vec(),
    ]
    .concat();
    let copy = b"ccollections\nOrderedDict\nh\x00\x85R";
    let copies = [list, copy.repeat(130_000)].concat();
    assert!(refused(&pickle(&copies)).contains("copies more"));
    let name = text(&"n".repeat(100_000));
    let long_name = [name.clone(), name, b"\x93".to_vec()].concat();
    assert!(refused(&pickle(&long_name)).contains("name"));
    let mut long = vec![b'N'; 17 << 20];
    long.push(b'.');
    assert!(refused(&long).contains("bytes long"));
}

#[test]
fn damaged_pickles_are_refused() {
    for (bytes, mention) in [
        (&b""[..], "ends in the middle"),
        (b"\x80\x02", "ends in the middle"),
        (b"\x80\x02.", "takes more"),
        (b"\x80\x02t.", "takes more"),
        (b"\x80\x02(0.", "takes more"),
        (b"\x80\x02h\x07.", "never remembered"),
        (b"\x80\x02q\x07.", "remembers nothing"),
        (b"\x80\x02X\xff\xff\xff\xff.", "ends in the middle"),
        (
            b"\x80\x05\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
            "ends in the middle",
        ),
        (b"\x80\x02X\x01\x00\x00\x00\xff.", "no PyTorch"),
        (b"\x80\x02\x82\x00.", "instruction"),
        (b"\x80\x02\xfe.", "unknown instruction"),
        (b"\x80\x02}.", "no tensors"),
        (b"\x80\x02K\x01Q.", "no PyTorch"),
        (b"\x80\x02Pabc\n.", "no PyTorch"),
    ] {
        let text = refused(bytes);
        let known = text.contains(mention) || mention == "no PyTorch" && text.contains("none");
        assert!(known, "{bytes:?}: {text}");
    }
    // A dictionary that holds itself.
    let ring = [b"}q\x00".to_vec(), text("a"), b"h\x00s".to_vec()].concat();
    assert!(refused(&pickle(&ring)).contains("nest deeper"));
    let numbers = pickle(&dict(&[("epoch", int(3))]));
    assert!(refused(&numbers).contains("no tensors"));
}

#[test]
fn what_is_no_file_of_torch_save_is_said_to_be_none() {
    let bare = pickle(&dict(&[("a", int(1))]));
    assert!(refusal("plain.pkl", &bare).contains("bare pickle"));
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("readme.txt", options).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    assert!(refusal("other.zip", &zip).contains("data.pkl"));
}
