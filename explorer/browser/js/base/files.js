// The bytes of what is not sent with a page, by their address: the shell says how they are had.

let bytesAt = null;

// way(address) -> promise of the bytes
export function findFilesBy(way) {
  bytesAt = way;
}

export const fileAt = (address) => bytesAt(address);
