//! The run's curves and pictures as a TensorBoard event file.
//!
//! A file is a row of TFRecords: u64 length, masked CRC-32C of the length, the bytes, their masked
//! CRC-32C, all little-endian (tensorflow/core/lib/io/record_writer.h). Each holds one `Event`
//! (tensorflow/core/util/event.proto), of whose fields five are written here.

use std::path::Path;

use super::log::Record;
use crate::atomic;
use crate::error::TrainError;

/// The file's name; TensorBoard looks for `tfevents` in it.
const FILE: &str = "events.out.tfevents.mimlet";

/// Writes the whole file anew: `records` as scalars, and `pictures` (tag, PNG, width and height)
/// at the last step. A run that is taken up again leaves no stale points that way.
///
/// # Errors
/// [`TrainError::Io`].
pub(crate) fn write(
    folder: &Path,
    started: f64,
    records: &[Record],
    pictures: &[(&str, &[u8], [u32; 2])],
) -> Result<(), TrainError> {
    let mut file = Vec::new();
    append(&mut file, &event(started, 0, Payload::Version));
    for record in records {
        let scalars = [
            ("train/loss", record.loss),
            ("train/gradient_norm", record.gradient_norm),
            ("train/learning_rate", record.rate),
            ("speed/images_per_second", record.images_per_second),
            (
                "speed/images_made_per_second",
                record.images_made_per_second,
            ),
            ("speed/waiting_for_images", record.waited),
            ("train/skipped_steps", record.skipped as f64),
        ];
        let values: Vec<Vec<u8>> = scalars.map(|(tag, value)| scalar(tag, value)).into();
        let time = started + record.seconds;
        append(
            &mut file,
            &event(time, record.step, Payload::Summary(&values)),
        );
    }
    if let Some(last) = records.last() {
        let values: Vec<Vec<u8>> = pictures.iter().map(picture).collect();
        let time = started + last.seconds;
        append(
            &mut file,
            &event(time, last.step, Payload::Summary(&values)),
        );
    }
    atomic::write(&folder.join(FILE), &file)
}

enum Payload<'a> {
    /// "brain.Event:2", which opens every file.
    Version,
    /// Values of one step.
    Summary(&'a [Vec<u8>]),
}

fn event(time: f64, step: usize, payload: Payload<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    fixed64(&mut out, 1, time);
    integer(&mut out, 2, step as u64);
    match payload {
        Payload::Version => bytes(&mut out, 3, b"brain.Event:2"),
        Payload::Summary(values) => {
            let mut summary = Vec::new();
            for value in values {
                bytes(&mut summary, 1, value);
            }
            bytes(&mut out, 5, &summary);
        }
    }
    out
}

fn scalar(tag: &str, value: f64) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(&mut out, 1, tag.as_bytes());
    key(&mut out, 2, 5);
    out.extend_from_slice(&(value as f32).to_le_bytes());
    out
}

fn picture((tag, png, [width, height]): &(&str, &[u8], [u32; 2])) -> Vec<u8> {
    /// `Image.colorspace`: RGB.
    const RGB: u64 = 3;
    let mut image = Vec::new();
    integer(&mut image, 1, u64::from(*height));
    integer(&mut image, 2, u64::from(*width));
    integer(&mut image, 3, RGB);
    bytes(&mut image, 4, png);
    let mut out = Vec::new();
    bytes(&mut out, 1, tag.as_bytes());
    bytes(&mut out, 4, &image);
    out
}

/// A protobuf field's key: its number and how its value is laid out.
fn key(out: &mut Vec<u8>, field: u8, wire_type: u8) {
    out.push(field << 3 | wire_type);
}

fn fixed64(out: &mut Vec<u8>, field: u8, value: f64) {
    key(out, field, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

fn integer(out: &mut Vec<u8>, field: u8, value: u64) {
    key(out, field, 0);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    key(out, field, 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// One TFRecord.
fn append(file: &mut Vec<u8>, record: &[u8]) {
    let length = (record.len() as u64).to_le_bytes();
    file.extend_from_slice(&length);
    file.extend_from_slice(&masked_crc(&length).to_le_bytes());
    file.extend_from_slice(record);
    file.extend_from_slice(&masked_crc(record).to_le_bytes());
}

/// A CRC of bytes that hold CRCs would be weak, so it is rotated and shifted.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file that TensorBoard 2.21's own `SummaryWriter` starts with, for time 1.5:
    /// `RecordWriter(f).write(Event(wall_time=1.5, file_version="brain.Event:2")
    /// .SerializeToString())`, but that protobuf leaves out a step of zero.
    #[test]
    fn records_are_framed_as_tensorboard_frames_them() {
        let mut file = Vec::new();
        append(&mut file, b"123456789");
        // CRC-32C of "123456789" is e3069283 (RFC 3720, B.4).
        // Rotated right by 15 bits: 0x2507c60d; plus 0xa282ead8.
        let masked = 0xc78a_b0e5u32;
        assert_eq!(file[..8], 9u64.to_le_bytes());
        assert_eq!(file[12..21], *b"123456789");
        assert_eq!(file[21..], masked.to_le_bytes());
    }

    #[test]
    fn long_values_take_more_than_one_length_byte() {
        let mut out = Vec::new();
        bytes(&mut out, 4, &[7; 300]);
        assert_eq!(out[..3], [0x22, 0xac, 0x02]);
        assert_eq!(out.len(), 303);
    }
}
