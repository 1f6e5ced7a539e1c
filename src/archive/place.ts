/** Where archives lie: a folder, later others. Names are plain file names inside it; nothing here knows what an archive is. */
export interface Place {
  /** Without credentials, for people. */
  readonly label: string
  /** Writes a file from chunks. It is there whole, and safely on the disk, when this resolves, and not at all before. */
  write(name: string, chunks: AsyncIterable<Buffer>): Promise<void>
  /** The bytes of a file. Throws KvmigError ARCHIVE_MISSING where there is none. */
  read(name: string): AsyncIterable<Buffer>
}
