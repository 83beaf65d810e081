import { signedParameters } from './parameters.js'

/** What a sort of link may say beside path, expiry and key, and what it is good for. */
export interface LinkForm {
  /** Signed with all else, so that a link of one sort is never good as one of another. Other fields need another name. */
  readonly purpose: string
  readonly method: 'GET' | 'PUT' | 'POST'
  /** Names of query parameters, in the order in which they are signed. No link has any others. */
  readonly parameters: readonly string[]
}

/** One for GET is good for HEAD as well, and for nothing else. */
export const readForm: LinkForm = {
  purpose: 'hybrid-store/link/1',
  method: 'GET',
  parameters: [signedParameters.contentDisposition, signedParameters.contentType],
}

const uploadParameters = [
  signedParameters.contentType,
  signedParameters.size,
  signedParameters.maxSize,
  signedParameters.createOnly,
]

export const uploadForms: Readonly<Record<'PUT' | 'POST', LinkForm>> = {
  PUT: { purpose: 'hybrid-store/upload/1', method: 'PUT', parameters: uploadParameters },
  POST: { purpose: 'hybrid-store/upload/1', method: 'POST', parameters: uploadParameters },
}
