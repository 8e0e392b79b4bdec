/** What this window remembers for itself: sizes and ways of showing, never anything about the cluster. */

export interface Preferences {
  theme: 'system' | 'dark' | 'light'
  panelWidth: number
  panelOpen: boolean
  drawerWidth: number
  /** The topology's share of the middle's height. */
  split: number
  showSystem: boolean
  topologyAs: 'picture' | 'list'
  followJourneys: boolean
  /** Probes and agents of the network too. */
  systemJourneys: boolean
  screenReader: boolean
  /** Who hands in results. */
  student: string
}

const KEY = 'podhop.preferences'
const defaults: Preferences = {
  theme: 'system',
  panelWidth: 360,
  panelOpen: true,
  drawerWidth: 360,
  split: 0.6,
  showSystem: false,
  topologyAs: 'picture',
  followJourneys: false,
  systemJourneys: false,
  screenReader: false,
  student: '',
}

function stored(): Partial<Preferences> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

export const preferences: Preferences = $state({ ...defaults, ...stored() })

export function rememberPreferences(): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences))
  } catch {
    // A browser may forbid storage; the window works without a memory.
  }
}
