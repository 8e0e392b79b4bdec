import { findDeclared } from '../declared/image.ts'
import type { DeclaredImage } from '../declared/types.ts'
import type { Image } from '../types.ts'
import { buildImage, type Repository } from './build.ts'
import { tagsInstead } from './absent-tags.ts'
import { gatewaySampleRepositories } from './gateway-samples.ts'
import { httpdRepository } from './httpd.ts'
import { nginxHttpsRepository, nginxRepository } from './nginx.ts'
import { nginxSampleRepositories } from './nginx-samples.ts'
import { parseReference } from './reference.ts'
import { sampleRepositories } from './samples.ts'
import { serverRepositories } from './servers.ts'
import { systemRepositories } from './system.ts'
import { toolRepositories } from './tools.ts'
import { tutorialRepositories } from './tutorials.ts'

/** The registries of the simulated world. */
const REPOSITORIES = new Map<string, Repository>([nginxRepository, nginxHttpsRepository, httpdRepository, ...toolRepositories, ...serverRepositories, ...sampleRepositories, ...tutorialRepositories, ...nginxSampleRepositories, ...gatewaySampleRepositories, ...systemRepositories].map((r) => [r.name, r]))
const found = new Map<string, Image | undefined>()

/** The image that a Pod's `image` names; undefined when no registry, and no pack, has it or the reference is malformed. */
export function findImage(reference: string, declared: readonly DeclaredImage[] = []): Image | undefined {
  return (declared.length > 0 ? declaredImage(reference, declared) : undefined) ?? registered(reference)
}

function declaredImage(reference: string, declared: readonly DeclaredImage[]): Image | null | undefined {
  try {
    return findDeclared(reference, declared)
  } catch {
    return undefined
  }
}

function registered(reference: string): Image | undefined {
  if (found.has(reference)) return found.get(reference)
  const image = lookUp(reference)
  found.set(reference, image)
  return image
}

function lookUp(text: string): Image | undefined {
  let reference
  try {
    reference = parseReference(text)
  } catch {
    return undefined
  }
  const repository = REPOSITORIES.get(reference.repository)
  if (!repository) return undefined
  // A digest cannot be looked up; the image of the tag beside it, or of the newest, stands in.
  const tag = reference.tag ?? 'latest'
  const content = repository.tag(tag)
  return content && buildImage(reference.repository, reference.canonical, tag, content)
}

/** Why a reference cannot be used: the kubelet's InvalidImageName message, or containerd's pull error; undefined when it can. */
export function imageProblem(reference: string, declared: readonly DeclaredImage[] = []): { reason: 'InvalidImageName' | 'ErrImagePull'; message: string } | undefined {
  let parsed
  try {
    parsed = parseReference(reference)
  } catch (error) {
    return { reason: 'InvalidImageName', message: `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": ${(error as Error).message}` }
  }
  if (findImage(reference, declared)) return undefined
  const name = parsed.canonical
  const resolve = `failed to pull and unpack image "${name}": failed to resolve reference "${name}": `
  const known = isKnownRepository(reference, declared)
  const reason = known || !parsed.repository.startsWith('docker.io/')
    ? `${name}: not found`
    : 'pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed'
  return { reason: 'ErrImagePull', message: `${known || !parsed.repository.startsWith('docker.io/') ? 'rpc error: code = NotFound desc = ' : ''}${resolve}${reason}` }
}

/** Whether any registry has this repository, whatever the tag. */
export function isKnownRepository(reference: string, declared: readonly DeclaredImage[] = []): boolean {
  try {
    return declaredImage(reference, declared) !== undefined || REPOSITORIES.has(parseReference(reference).repository)
  } catch {
    return false
  }
}

/** For a tag that the registry has and that is not simulated: those that there are. */
export function simulatedTags(reference: string): string | undefined {
  try {
    const { repository, tag = 'latest' } = parseReference(reference)
    return tagsInstead(repository, tag)
  } catch {
    return undefined
  }
}

/** Names of every repository, for completion and messages. */
export function imageRepositories(): readonly string[] {
  return [...REPOSITORIES.keys()].sort()
}
