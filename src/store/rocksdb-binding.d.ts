// What we use of rocksdb 5.2.1. The published @types/rocksdb do not compile against it.
declare module 'rocksdb' {
  export type Callback<T = void> = (error: Error | null | undefined, value?: T) => void;

  export interface RangeOptions {
    gte?: Buffer;
    lt?: Buffer;
    reverse?: boolean;
    limit?: number;
  }

  export interface RocksDBIterator {
    /** No key: the end. */
    next(callback: (error: Error | null | undefined, key?: Buffer, value?: Buffer) => void): void;
    end(callback: Callback): void;
  }

  export type BatchOperation = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };

  export interface RocksDB {
    open(
      options: {
        createIfMissing: boolean;
        readOnly: boolean;
        compression?: boolean;
        writeBufferSize?: number;
      },
      callback: Callback,
    ): void;
    close(callback: Callback): void;
    get(key: Buffer, options: { asBuffer: true }, callback: Callback<Buffer>): void;
    batch(operations: BatchOperation[], options: { sync: boolean }, callback: Callback): void;
    iterator(
      options: RangeOptions & { keyAsBuffer: true; valueAsBuffer: true; highWaterMark: number },
    ): RocksDBIterator;
    clear(options: RangeOptions, callback: Callback): void;
    compactRange(start: Buffer, end: Buffer, callback: Callback): void;
  }

  /** Call `open` before anything else, and nothing after `close`: the binding does not check and crashes. */
  export default function open(location: string): RocksDB;
}
