// SPDX-License-Identifier: Apache-2.0
// Names that nobody has yet.
#ifndef BERTH_CONTROLPLANE_APISERVER_RANDOM_NAMES_H_
#define BERTH_CONTROLPLANE_APISERVER_RANDOM_NAMES_H_

#include <string>

namespace berth::controlplane {

std::string NewUid();                  // a random UUID
std::string RandomSuffix(int length);  // of letters and digits that form no words

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_RANDOM_NAMES_H_
