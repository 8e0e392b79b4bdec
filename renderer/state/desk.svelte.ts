import { preferences } from './preferences.svelte.ts'
import { session } from './session.svelte.ts'

/** What lies open on the desk: drawer, selection, journey, terminal. Nothing of it outlives a reload. */

export interface Thing {
  kind: 'node' | 'pod' | 'service' | 'outside'
  id: string
}

/** A window narrower than this (an ordinary one at a zoom of 200 %) has no room for the lab, the picture and the drawer beside each other. */
const THREE_COLUMNS = 800

class Desk {
  windowWidth = $state(innerWidth)
  drawer: 'inspector' | 'journeys' | null = $state(null)
  selected: Thing | null = $state.raw(null)
  /** The journey that is open, and its current hop (-1 before the first). */
  journey: number | null = $state(null)
  terminal: string | null = $state(null)
  /** Counts up when the keyboard should go to the terminal. */
  terminalWanted = $state(1)
  help = $state(false)
  faults = $state(false)
  tools = $state(false)
  newCluster = $state(false)
  packs = $state(false)
  files = $state(false)
  results = $state(false)
  /** The lab that was left last: the keyboard returns to its card. */
  lastLab: string | null = null
  /** Looking at the cluster with no lab open. */
  free = $state(false)

  /** Opens the inspector on it. */
  inspect(thing: Thing): void {
    this.selected = thing
    this.drawer = 'inspector'
  }

  openJourney(id: number | null): void {
    this.journey = id
    this.drawer = 'journeys'
  }

  /** Where all three have no room the drawer, which was asked for last, takes the lab's. */
  get panelShown(): boolean {
    return preferences.panelOpen && !(this.drawer && this.windowWidth < THREE_COLUMNS)
  }

  togglePanel(): void {
    if (preferences.panelOpen && !this.panelShown) this.drawer = null
    else preferences.panelOpen = !preferences.panelOpen
  }

  /** Types into the active lab terminal, as a person would. */
  type(text: string): void {
    const terminals = session.view?.terminals ?? {}
    const id = this.terminal && terminals[this.terminal]?.kind === 'lab' ? this.terminal : Object.values(terminals).find((t) => t.kind === 'lab')?.id
    if (!id) return session.notify('error', 'No lab terminal is open. Open one with the + beside the terminal tabs, then run the command again.')
    this.terminal = id
    this.terminalWanted++
    session.tell('terminal.input', { id, data: text })
  }
}

export const desk = new Desk()
