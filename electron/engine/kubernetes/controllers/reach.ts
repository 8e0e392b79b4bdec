import { AdmissionRefusal, ConnectionError } from '../client.ts'

/** Does what asks the API server; false when it cannot be reached or its webhooks refuse, and nothing was done. */
export function ifReached(act: () => void): boolean {
  try {
    act()
    return true
  } catch (error) {
    if (!(error instanceof ConnectionError || error instanceof AdmissionRefusal)) throw error
    return false
  }
}
