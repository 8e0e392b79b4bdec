import type { Plugin } from 'vite'
import type { PublishedType } from './types.ts'

export function kubernetesOpenApi(): Plugin
export function publishedTypes(): Record<string, PublishedType>
