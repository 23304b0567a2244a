//! Pieces of files that nobody wrote, with checksums that fit, so that what comes after the checksums is
//! reached. The fuzz targets of the journal forge with them too.

use likewise_journal::store::StoreId;

/// The header of a segment or a snapshot.
pub(crate) fn header(
    store: StoreId,
    magic: &[u8; 8],
    number: u64,
    first: u64,
    second: u64,
) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend_from_slice(&1u64.to_le_bytes());
    bytes.extend_from_slice(&store.0);
    for number in [number, first, second] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&[0; 4]);
    let sum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// A record of a segment, around any payload.
pub(crate) fn record(
    store: StoreId,
    segment: u64,
    sequence: u64,
    unsynced: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut body = (payload.len() as u32).to_le_bytes().to_vec();
    body.extend_from_slice(&sequence.to_le_bytes());
    body.extend_from_slice(&unsynced.to_le_bytes());
    let sum = crc32c::crc32c_append(crc32c::crc32c(&store.0), &segment.to_le_bytes());
    let sum = crc32c::crc32c_append(crc32c::crc32c_append(sum, &body), payload);
    let mut bytes = [b"\xf1LKr", &body[..], &sum.to_le_bytes(), payload].concat();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// A line of the `incarnation` file.
pub(crate) fn incarnation(number: u64) -> String {
    let body = format!("incarnation {number:020}");
    format!("{body} crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()))
}
