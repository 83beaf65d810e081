import { describeUploads } from './upload/run.js'

describeUploads('fastify')
