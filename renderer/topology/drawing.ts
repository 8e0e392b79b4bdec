import cytoscape, { type CollectionReturnValue, type Core } from 'cytoscape'
import { duration } from '../state/theme.svelte.ts'
import { edgeElement, nodeElement, type EdgeElement, type NodeElement } from './elements.ts'
import { firstZoom } from './form.ts'
import type { Layout, Point } from './shapes.ts'
import { topologyStyle } from './style.ts'

export interface DrawingEvents {
  /** Pan or zoom changed; by = true when a person did it. */
  viewport(): void
  choose(thing: string | null): void
  hover(thing: string | null): void
}

/** More changes than this at once are drawn without motion. */
const MANY = 200

/** Width of the toolbar over the picture's right corner. */
const TOOLBAR = 310
/** In a place narrower than this the toolbar has a row of its own, so that it covers nothing when the picture is moved. */
export const ROOM_FOR_TOOLBAR = 900

/** How near to the edge what is followed may come. */
const MARGIN = 48

/** The picture on Cytoscape's canvas: takes layouts and changes only what differs. */
export class Drawing {
  readonly cy: Core
  #nodes = new Map<string, string>()
  #edges = new Map<string, { element: string; json: string }>()
  #made = 0
  /** Nodes that move, grow or fade in. */
  readonly #busy = new Set<string>()
  #container: HTMLElement
  /** False once a person moved the picture: it is then not fitted by itself any more. */
  fitting = true
  /** A person asked for all of it. */
  #whole = false
  reducedMotion = false
  #size = { width: 0, height: 0, top: 0 }

  constructor(container: HTMLElement, events: DrawingEvents) {
    this.#container = container
    this.cy = cytoscape({
      container,
      style: topologyStyle(),
      autoungrabify: true,
      autounselectify: true,
      boxSelectionEnabled: false,
      minZoom: 0.1,
      maxZoom: 3,
    })
    const cy = this.cy
    cy.on('viewport', () => events.viewport())
    cy.on('tap', (e) => events.choose(e.target === cy ? null : String(e.target.data('thing') ?? '') || null))
    cy.on('mouseover', 'node', (e) => events.hover(String(e.target.data('thing')) || null))
    cy.on('mouseout', 'node', () => events.hover(null))
    cy.on('dragpan scrollzoom pinchzoom', () => (this.fitting = false))
  }

  draw(layout: Layout): void {
    const nodes = new Map([...layout.shapes.values()].map((s) => [s.id, nodeElement(s)]))
    const edges = new Map([...layout.wires.values()].flatMap((w) => edgeElement(w, layout) ?? []).map((e) => [e.id, e]))
    const first = this.#nodes.size === 0
    const changed = [...nodes.values()].filter((n) => this.#nodes.get(n.id) !== JSON.stringify(n))
    const removed = [...this.#nodes.keys()].filter((id) => !nodes.has(id))
    const still = first || changed.length + removed.length > MANY
    const cy = this.cy
    cy.batch(() => {
      for (const id of this.#edges.keys()) if (!edges.has(id)) this.#removeEdge(id)
      for (const id of removed) this.#removeNode(id, still)
      for (const node of changed) this.#setNode(node, still)
      for (const edge of edges.values()) this.#setEdge(edge, still)
    })
    const { width, height, top } = this.#size
    this.#size = { width: layout.width, height: layout.height, top: layout.top }
    if (this.fitting && (width !== layout.width || height !== layout.height || top !== layout.top)) this.fit(first, this.#whole)
  }

  #duration(still: boolean): number {
    return still || this.reducedMotion ? 0 : duration('slow')
  }

  #setNode(node: NodeElement, still: boolean): void {
    const cy = this.cy
    const old = cy.getElementById(node.id)
    const time = this.#duration(still)
    if (old.empty()) {
      const made = cy.add({ group: 'nodes', data: { id: node.id, ...node.data }, position: { ...node.position }, classes: node.classes })
      if (time) this.#fadeInNode(made.style('opacity', 0), time)
    } else if (old.data('leaving')) {
      // It comes back before it has gone. (A new element with the id of one that is being animated would never move.)
      old.stop(true)
      old.removeData('leaving')
      old.data(node.data)
      old.classes(node.classes)
      old.position({ ...node.position })
      if (time) this.#fadeInNode(old, time)
      else old.removeStyle('opacity')
    } else {
      const before = { w: old.data('w') as number, h: old.data('h') as number }
      old.data(node.data)
      old.classes(`${node.classes}${old.hasClass('selected') ? ' selected' : ''}${old.hasClass('related') ? ' related' : ''}`)
      const at = old.position()
      const moved = at.x !== node.position.x || at.y !== node.position.y
      const resized = before.w !== node.data.w || before.h !== node.data.h
      if (!moved && !resized) return void this.#nodes.set(node.id, JSON.stringify(node))
      // Whatever it was doing, fading in for one, is done now. (It costs too much to be asked of a thousand that do nothing.)
      if (this.#busy.delete(node.id)) {
        old.stop(true)
        old.removeStyle('width height opacity')
      }
      if (time) {
        if (resized) old.style({ width: before.w, height: before.h })
        this.#busy.add(node.id)
        old.animate({
          position: { ...node.position },
          ...(resized ? { style: { width: node.data.w, height: node.data.h } } : {}),
          duration: time,
          easing: 'ease-in-out-cubic',
          complete: () => {
            this.#busy.delete(node.id)
            old.removeStyle('width height')
          },
        })
      } else {
        old.position({ ...node.position })
      }
    }
    this.#nodes.set(node.id, JSON.stringify(node))
  }

  #fadeInNode(node: CollectionReturnValue, time: number): void {
    const id = node.id()
    this.#busy.add(id)
    fadeIn(node, time, () => this.#busy.delete(id))
  }

  #removeNode(id: string, still: boolean): void {
    this.#nodes.delete(id)
    this.#busy.delete(id)
    const node = this.cy.getElementById(id)
    const time = this.#duration(still)
    if (!time) return void node.remove()
    node.data('leaving', true)
    node.stop(true)
    node.animate({ style: { opacity: 0 }, duration: time, complete: () => node.remove() })
  }

  #setEdge(edge: EdgeElement, still: boolean): void {
    const cy = this.cy
    const json = JSON.stringify(edge)
    const before = this.#edges.get(edge.id)
    if (before?.json === json) return
    // The ends of an edge cannot change: a cable that is plugged elsewhere is another cable.
    const there = before && cy.getElementById(before.element)
    const same = there && there.data('source') === edge.data.source && there.data('target') === edge.data.target
    if (same) {
      there.data(edge.data)
      there.classes(edge.classes)
      this.#edges.set(edge.id, { element: before.element, json })
      return
    }
    if (there) there.remove()
    // A name of its own each time, for the reason told above.
    const element = `${edge.id} ${++this.#made}`
    const made = cy.add({ group: 'edges', data: { id: element, ...edge.data }, classes: edge.classes })
    const time = this.#duration(still)
    if (time) fadeIn(made.style('opacity', 0), time)
    this.#edges.set(edge.id, { element, json })
  }

  #removeEdge(id: string): void {
    const edge = this.#edges.get(id)
    this.#edges.delete(id)
    if (edge) this.cy.getElementById(edge.element).remove()
  }

  /** Marks what is selected, and what belongs to it. */
  mark(selected: string | null, related: readonly string[]): void {
    const cy = this.cy
    const wanted = new Set(related)
    cy.batch(() => {
      cy.nodes('.selected, .related').removeClass('selected related')
      if (!selected && !wanted.size) return
      cy.nodes().forEach((n) => {
        const thing = n.data('thing') as string
        if (!thing || n.hasClass('text') || n.hasClass('container')) return
        if (thing === selected && (n.hasClass('pod') || n.hasClass('cell') || n.hasClass('service') || n.hasClass('outside') || n.hasClass('node'))) n.addClass('selected')
        else if (wanted.has(thing)) n.addClass('related')
      })
    })
  }

  restyle(): void {
    this.cy.style(topologyStyle())
  }

  /** The whole picture, however small; what the person asks for. */
  fitWhole(): void {
    this.fit(false, true)
  }

  fit(still = false, whole = false): void {
    const { width, height, top: outside } = this.#size
    const [w, h] = [this.#container.clientWidth, this.#container.clientHeight]
    if (!w || !h || !width) return
    const pad = w < 700 ? 12 : 16
    const place = (top: number) => {
      const room = { width: w - 2 * pad, height: h - top - 14 }
      const zoom = whole ? Math.min(1.25, room.width / width, room.height / height) : firstZoom({ width, height }, room.width, room.height)
      return { zoom, pan: { x: Math.max(pad, (w - width * zoom) / 2), y: top } }
    }
    const beside = place(14)
    const { zoom, pan } = w < ROOM_FOR_TOOLBAR || beside.pan.x + outside * beside.zoom < w - TOOLBAR ? beside : place(44)
    this.fitting = true
    this.#whole = whole
    const time = this.#duration(still)
    this.cy.stop()
    if (time) this.cy.animate({ zoom, pan, duration: time, easing: 'ease-in-out-cubic' })
    else this.cy.viewport({ zoom, pan })
  }

  /** Brings a point of the picture into sight, if it is not. */
  reveal(point: Point): void {
    const [w, h] = [this.#container.clientWidth, this.#container.clientHeight]
    const { x, y } = this.cy.pan()
    const zoom = this.cy.zoom()
    const [px, py] = [point.x * zoom + x, point.y * zoom + y]
    const by = { x: Math.max(0, MARGIN - px) - Math.max(0, px - (w - MARGIN)), y: Math.max(0, MARGIN - py) - Math.max(0, py - (h - MARGIN)) }
    if (!by.x && !by.y) return
    const time = this.#duration(false)
    if (time) this.cy.animate({ panBy: by, duration: time, easing: 'ease-in-out-cubic' })
    else this.cy.panBy(by)
  }

  zoomBy(factor: number): void {
    this.fitting = false
    const [w, h] = [this.#container.clientWidth, this.#container.clientHeight]
    this.cy.zoom({ level: this.cy.zoom() * factor, renderedPosition: { x: w / 2, y: h / 2 } })
  }

  panBy(x: number, y: number): void {
    this.fitting = false
    this.cy.panBy({ x, y })
  }

  resize(): void {
    this.cy.resize()
    if (this.fitting) this.fit(true, this.#whole)
  }

  destroy(): void {
    this.cy.destroy()
  }
}

function fadeIn(element: CollectionReturnValue, time: number, done?: () => void): void {
  element.animate({
    style: { opacity: 1 },
    duration: time,
    complete: () => {
      done?.()
      element.removeStyle('opacity')
    },
  })
}
