import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Image } from '../types.ts'

/** A repository of the simulated registries: what it makes of a tag, or undefined when there is no such tag. */
export interface Repository {
  /** "docker.io/library/nginx" */
  name: string
  tag(tag: string): ImageContent | undefined
}

/** An image without what follows from its reference. */
export type ImageContent = Partial<Omit<Image, 'reference' | 'id' | 'digest'>> & { size: number }

export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const ROOT_USER = { uid: 0, gid: 0, name: 'root' }

export function buildImage(repository: string, reference: string, tag: string, content: ImageContent): Image {
  const digestOf = (what: string): string => hex(sha256(encodeUtf8(`${what} of ${repository}:${tag}`)))
  return {
    entrypoint: [],
    command: [],
    workingDirectory: '/',
    user: ROOT_USER,
    files: {},
    programs: {},
    symlinks: {},
    directories: [],
    exposedPorts: [],
    ...content,
    environment: { PATH, ...content.environment },
    reference,
    id: `sha256:${digestOf('config')}`,
    digest: `${repository}@sha256:${digestOf('manifest')}`,
  }
}

/** "1.25" → [1, 25]; undefined when it is no plain version. A leading v is allowed. */
export function versionParts(text: string): number[] | undefined {
  return /^v?\d+(\.\d+){0,3}$/.test(text) ? text.replace(/^v/, '').split('.').map(Number) : undefined
}

/** Splits "1.27-alpine3.20" into version (or word) and flavour. */
export function splitTag(tag: string): { version: string; flavour: string } {
  const dash = tag.indexOf('-')
  return dash < 0 ? { version: tag, flavour: '' } : { version: tag.slice(0, dash), flavour: tag.slice(dash + 1) }
}
