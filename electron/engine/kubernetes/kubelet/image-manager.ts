import type { Clock } from '../../clock.ts'
import { sleep, type Task, Turn } from '../../machine/task.ts'
import type { DeclaredImage } from '../../programs/declared/types.ts'
import { findImage, imageProblem, imageRepositories, isKnownRepository, simulatedTags } from '../../programs/images/catalog.ts'
import type { Image } from '../../programs/types.ts'
import type { Random } from '../../random.ts'
import type { Container, Pod } from '../types.ts'
import { goDuration } from './go-duration.ts'

/** Back-off of failed pulls (pkg/kubelet: 10 s doubling to 5 min). */
const BACK_OFF = { first: 10_000, most: 300_000 }
/** A registry's answer, and bytes that come in a ms. */
const REGISTRY = { manifest: 350, jitter: 250, bytesPerMs: 60_000 }

export type ImageEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void

export class PullError extends Error {
  readonly reason: string
  /** The Pod was not refused this image before. */
  readonly isFirst: boolean
  constructor(reason: string, message: string, isFirst = false) {
    super(message)
    this.reason = reason
    this.isFirst = isFirst
  }
}

export interface NodeImage { names: string[]; sizeBytes: number }

const lists = new Map<string, readonly NodeImage[]>()

/** The images that there are, as people write them; of the cluster's own only what is also of use by itself. */
function known(declared: readonly DeclaredImage[]): string {
  const names = [...imageRepositories(), ...declared.map((image) => image.name)].filter((name) => /^docker\.io\/(?!calico|flannel|cloudnativelabs|cilium|weaveworks|antrea)|agnhost|curl$|echoserver$|hello-app/.test(name) || declared.some((image) => image.name === name))
  return names.map((name) => name.replace(/^docker\.io\/(?:library\/)?/, '')).join(', ')
}

interface Failure { delay: number; at: number; message: string }

/** The images of a node: pkg/kubelet/images. Pulls happen one after the other (serializeImagePulls). */
export class ImageManager {
  readonly #clock: Clock
  readonly #random: Random
  readonly #declared: readonly DeclaredImage[]
  readonly #present = new Map<string, Image>()
  readonly #failures = new Map<string, Failure>()
  readonly #spoilt = new Set<string>()
  /** The node has one more. */
  onPulled: () => void = () => undefined
  /** Images are pulled one after the other (serializeImagePulls). */
  readonly #turn = new Turn()

  /** `declared`: images of the lab's pack. */
  constructor(clock: Clock, random: Random, declared: readonly DeclaredImage[] = []) {
    this.#clock = clock
    this.#random = random
    this.#declared = declared
  }

  /** What is on the node before anything is pulled: kubeadm pulls the images of the control plane first. */
  preload(reference: string): void {
    const image = findImage(reference, this.#declared)
    if (image) this.#present.set(image.reference, image)
  }

  /** For the Node's status: the largest first, at most 50 (nodeStatusMaxImages). Nodes that have the same share it. */
  listed(): readonly NodeImage[] {
    const images = [...this.#present.values()].sort((a, b) => b.size - a.size || (a.reference < b.reference ? -1 : 1)).slice(0, 50)
    const key = images.map((image) => image.reference).join(' ')
    let list = lists.get(key)
    if (!list) lists.set(key, (list = images.map((image) => ({ names: [image.digest, image.reference], sizeBytes: image.size }))))
    return list
  }

  /** All that are on the node. */
  present(): Image[] {
    return [...this.#present.values()]
  }

  remove(image: Image): void {
    this.#present.delete(image.reference)
    this.onPulled()
  }

  /** A pull that no Pod asks for (crictl pull); throws {@link PullError}. */
  *pull(name: string): Task<Image> {
    return yield* this.#pull(`crictl_${name}`, name, findImage(name, this.#declared), imageProblem(name, this.#declared)?.message, () => undefined)
  }

  /** For a fault: on this node's disk images lack the executables of a program, or have them again. */
  spoil(program: string, spoilt: boolean): void {
    if (spoilt) this.#spoilt.add(program)
    else this.#spoilt.delete(program)
  }

  isSpoilt(program: string): boolean {
    return this.#spoilt.has(program)
  }

  #onDisk(image: Image): Image {
    if (this.#spoilt.size === 0) return image
    const gone = Object.entries(image.programs).filter(([, program]) => this.#spoilt.has(program))
    if (gone.length === 0) return image
    const programs = Object.fromEntries(Object.entries(image.programs).filter(([, program]) => !this.#spoilt.has(program)))
    return { ...image, id: `${image.id} without ${gone.map(([path]) => path).join(' ')}`, programs }
  }

  *ensure(pod: Pod, container: Container, event: ImageEvent): Task<Image> {
    const name = container.image ?? ''
    const image = findImage(name, this.#declared)
    const policy = container.imagePullPolicy ?? 'IfNotPresent'
    if (image && this.#present.has(image.reference) && policy !== 'Always') {
      event('Normal', 'Pulled', `Container image "${name}" already present on machine`)
      return this.#onDisk(image)
    }
    const problem = imageProblem(name, this.#declared)
    if (problem?.reason === 'InvalidImageName') {
      event('Warning', 'InspectFailed', problem.message)
      throw new PullError('InvalidImageName', problem.message)
    }
    if (policy === 'Never') {
      const message = `Container image "${name}" is not present with pull policy of Never`
      event('Warning', 'ErrImageNeverPull', message)
      throw new PullError('ErrImageNeverPull', message)
    }
    const key = `${pod.metadata.uid}_${name}`
    const failure = this.#failures.get(key)
    // asked as it is waited for: a difference that is rounded otherwise would wait for nothing, again and again
    const left = failure ? failure.at + failure.delay - this.#clock.now : 0
    if (failure && left > 0) {
      const message = `Back-off pulling image "${name}"`
      event('Normal', 'BackOff', message)
      throw new PullError('ImagePullBackOff', `${message}: ErrImagePull: ${failure.message}`)
    }
    event('Normal', 'Pulling', `Pulling image "${name}"`)
    return yield* this.#pull(key, name, image, problem?.message, event)
  }

  *#pull(key: string, name: string, image: Image | undefined, problem: string | undefined, event: ImageEvent): Task<Image> {
    const asked = this.#clock.now
    yield* this.#turn.take()
    const began = this.#clock.now
    try {
      const size = image && !this.#present.has(image.reference) ? image.size : 0
      yield sleep(this.#clock, REGISTRY.manifest + this.#random.float() * REGISTRY.jitter + size / REGISTRY.bytesPerMs)
    } finally {
      this.#turn.free()
    }
    if (!image) {
      // what exists in the world and not here is told apart from what exists nowhere
      const others = simulatedTags(name)
      const note = others !== undefined ? ` (podhop: not simulated: this tag; there are ${others})` : isKnownRepository(name, this.#declared) ? '' : ` (podhop: not simulated: this image; there are ${known(this.#declared)})`
      const message = `${problem ?? `${name}: not found`}${note}`
      const former = this.#failures.get(key)
      this.#failures.set(key, { delay: former ? Math.min(former.delay * 2, BACK_OFF.most) : BACK_OFF.first, at: this.#clock.now, message })
      event('Warning', 'Failed', `Failed to pull image "${name}": ${message}`)
      throw new PullError('ErrImagePull', message, former === undefined)
    }
    this.#failures.delete(key)
    if (!this.#present.has(image.reference)) {
      this.#present.set(image.reference, image)
      this.onPulled()
    }
    event('Normal', 'Pulled', `Successfully pulled image "${name}" in ${goDuration(this.#clock.now - began)} (${goDuration(this.#clock.now - asked)} including waiting). Image size: ${image.size} bytes.`)
    return this.#onDisk(image)
  }
}
