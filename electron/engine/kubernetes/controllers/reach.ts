import { ConnectionError } from '../client.ts'

/** Does what asks the API server; false when it cannot be reached, and nothing was done. */
export function ifReached(act: () => void): boolean {
  try {
    act()
    return true
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    return false
  }
}
