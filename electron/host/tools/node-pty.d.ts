/** What of node-pty is used. The package is optional: where it could not be compiled, its own types are not there either. */
declare module 'node-pty' {
  export interface IPty {
    write(data: string): void
    resize(columns: number, rows: number): void
    kill(signal?: string): void
    onData(listener: (text: string) => void): void
    onExit(listener: (end: { exitCode: number; signal?: number }) => void): void
  }
  export function spawn(file: string, args: string[], options: object): IPty
}
