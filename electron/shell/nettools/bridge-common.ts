/** What the parts of bridge(8) have in common. */

export interface BridgeOptions { details: boolean; statistics: boolean; json: boolean; pretty: boolean; oneLine: boolean }

export class BridgeRefusal extends Error {
  readonly code: number
  constructor(text: string, code = 1) {
    super(text)
    this.code = code
  }
}
