import type { Thing } from '../state/desk.svelte.ts'
import type { Form, Room } from './form.ts'
import type { Detail } from './grid.ts'
import type { Standing } from './words.ts'

/** The picture as plain geometry: what layout.ts makes and what the drawing and the journeys read. */

export interface Point {
  x: number
  y: number
}

export type ShapeKind = 'outside' | 'service' | 'underlay' | 'node' | 'nic' | 'tunnel' | 'bridge' | 'router' | 'pod' | 'container' | 'cell' | 'port' | 'text' | 'tray'

/** A rectangle with, at most, one line of text in it or (kinds port and text) right of it. */
export interface Shape {
  id: string
  kind: ShapeKind
  /** Top left. */
  x: number
  y: number
  w: number
  h: number
  text: string
  /** What a click on it inspects. */
  thing?: Thing
  /** Shape and colour of its border. */
  state?: Standing | 'down' | 'dim'
  /** The shape that it lies in. */
  inside?: string
  size?: number
}

export interface Wire {
  id: string
  kind: 'wire' | 'veth' | 'tunnel' | 'route' | 'fault'
  /** Ids of the shapes at its ends. */
  from: string
  to: string
  /** From end to end, with the corners between. */
  points: Point[]
  up: boolean
}

export interface Layout {
  shapes: Map<string, Shape>
  wires: Map<string, Wire>
  /** Where an interface is: keyed "machine interface", and "machine" for the machine itself. */
  anchors: Map<string, Point>
  /** For each node and outside machine, the way from its NIC to the underlay's wire; its end lies on the wire. */
  exits: Map<string, Point[]>
  /** For each machine of the outside's own wire, the way to it. */
  lanes: Map<string, Point[]>
  /** For each wired Pod, the way from its interface to its port on the bridge. */
  cables: Map<string, Point[]>
  /** x of the line that joins the outside and all wires. */
  trunk: number
  width: number
  height: number
  /** Right end of the outside row; the toolbar is beside it or above it. */
  top: number
  /** What the next layout needs to keep things where they are. */
  memory: Memory
}

export interface Memory {
  form: Form
  /** What the form was chosen for. */
  room: Room
  /** For each node, the Pod in each place of its grid. */
  places: Map<string, (string | null)[]>
  detail: Detail
}

/** x of the trunk, and of everything right of it. */
export const TRUNK = 0
export const LEFT = 20

export const anchorOf = (machine: string, face?: string): string => (face ? `${machine} ${face}` : machine)
export const centre = (s: { x: number; y: number; w: number; h: number }): Point => ({ x: s.x + s.w / 2, y: s.y + s.h / 2 })

/** A picture while it is being drawn. */
export class Sheet {
  shapes = new Map<string, Shape>()
  wires = new Map<string, Wire>()
  anchors = new Map<string, Point>()
  exits = new Map<string, Point[]>()
  lanes = new Map<string, Point[]>()
  cables = new Map<string, Point[]>()

  shape(shape: Shape): Shape {
    this.shapes.set(shape.id, shape)
    return shape
  }

  wire(wire: Wire): void {
    this.wires.set(wire.id, wire)
  }
}
